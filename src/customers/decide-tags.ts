import { binaryColumn, type Client } from '../base/db.ts';

/** A customer that a rule is to be asked about. */
export type Candidate = { ruleId: number; userNo: number };

/** A tag that is to be given or taken back, with the value that decides it in the rule's own units. */
export type Decision = Candidate & { assigned: boolean; value: number };

/**
 * The value of a rule for a customer. `c` has user_no, `r` is the rule, $today the business date that the
 * window ends with (what is dated later counts too: somewhere it is that day already).
 */
export const tagValue = (today: string) => {
  const figure = `case r.metric when 'orders' then u.orders when 'units' then u.units else u.spent end`;
  const matches =
    'u.user_no = c.user_no and u.key_no = r.key_no and (r.currency is null or u.currency = r.currency)';
  return `coalesce(case when r.window_days is null
      then (select sum(${figure}) from cdm.user_counter as u where ${matches})
      else (select sum(${figure}) from cdm.user_day as u where ${matches} and u.period > ${today}::date - r.window_days)
    end, 0)::bigint`;
};

const readDecisions = `
  select v.rule_id, v.user_no, v.value, v.value > v.threshold as assigned
  from (
    select c.rule_id, c.user_no, r.threshold, r.sticky, r.key_no, ${tagValue('$3')} as value
    from unnest($1::int4[], $2::int4[]) as c(rule_id, user_no)
    join ops.tag_rule as r on r.rule_id = c.rule_id and r.deleted_at is null
  ) as v
  join cdm.customer as person on person.user_no = v.user_no and not person.erased
  left join ops.customer_tag as t on t.rule_id = v.rule_id and t.user_no = v.user_no
  where (v.value > v.threshold) <> coalesce(t.assigned, false) and not (coalesce(t.assigned, false) and v.sticky)
    and not exists (select from cdm.customer_pending as p where p.user_no = v.user_no and p.key_no = v.key_no)
  order by v.rule_id, v.user_no`;

/** Which tags change, by the counters as they are; nothing is decided by counters that are pending. */
export async function readChangedTags(
  client: Client,
  candidates: readonly Candidate[],
  today: string,
): Promise<Decision[]> {
  if (candidates.length === 0) return [];
  const { rows } = await client.query<{
    rule_id: number;
    user_no: number;
    value: number;
    assigned: boolean;
  }>({
    name: 'decide-tags',
    text: readDecisions,
    values: [
      binaryColumn('int4', candidates, (one) => one.ruleId),
      binaryColumn('int4', candidates, (one) => one.userNo),
      today,
    ],
  });
  return rows.map((row) => ({
    ruleId: row.rule_id,
    userNo: row.user_no,
    assigned: row.assigned,
    value: row.value,
  }));
}
