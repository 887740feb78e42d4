import type { Database } from '../base/db.ts';
import { tagValue } from './decide-tags.ts';
import { type CheckedRule, shownFigure } from './tag-rules.ts';

export type Preview = {
  customers: number;
  examples: { customer_id: string; customer_name: string | null; value: number }[];
};

const shownExamples = 10;

// `c` and `r` are what the value's expression names; a key that nobody bought has no number and no value.
const readPreview = `
  with tagged as materialized (
    select c.user_no, c.customer_id, v.value
    from cdm.customer as c
    cross join (
      select (select key_no from cdm.counted_key where scope = $1 and key = $2) as key_no, $3::text as metric,
        $4::text as currency, $5::integer as window_days
    ) as r
    cross join lateral (select ${tagValue('$6')} as value) as v
    where not c.erased and v.value > $7
  )
  select (select count(*) from tagged) as customers, t.customer_id, n.customer_name, t.value
  from (select * from tagged order by value desc, user_no limit ${shownExamples}) as t
  left join ops.customer as n on n.customer_id = t.customer_id
  order by t.value desc, t.user_no`;

/** Whom a rule would tag now, without writing anything. */
export async function previewRule(pool: Database, rule: CheckedRule, today: string): Promise<Preview> {
  const { rows } = await pool.query({
    text: readPreview,
    values: [rule.scope, rule.match, rule.metric, rule.currency, rule.window_days, today, rule.threshold],
  });
  return {
    customers: rows[0]?.customers ?? 0,
    examples: rows.map((row) => ({
      customer_id: row.customer_id,
      customer_name: row.customer_name,
      value: shownFigure(rule, row.value),
    })),
  };
}
