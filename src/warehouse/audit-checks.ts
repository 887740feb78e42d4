import { categoryFamily, productFamily, salesFamily } from './fold.ts';

export type Check = { table: string; figures: readonly string[]; text: string };

/** Rows of two sums that do not agree; a row that only one of them has counts as zeros in the other. */
function compare(
  table: string,
  keys: readonly string[],
  figures: readonly string[],
  expected: string,
  found: string,
): Check {
  const sums = figures.map((figure) => `sum(${figure}) as ${figure}`).join(', ');
  const positions = keys.map((_, index) => index + 1).join(', ');
  const side = (name: string, from: string) =>
    `${name} as (select ${keys.join(', ')}, ${sums} from (${from}) as ${name}_rows group by ${positions})`;
  const text = `
    with ${side('e', expected)}, ${side('f', found)}
    select concat_ws(' ', ${keys.map((key) => `${key}::text`).join(', ')}) as key,
      ${figures.map((figure) => `coalesce(e.${figure}, 0) as expected_${figure}, coalesce(f.${figure}, 0) as found_${figure}`).join(', ')}
    from e full join f using (${keys.join(', ')})
    where ${figures.map((figure) => `coalesce(e.${figure}, 0) <> coalesce(f.${figure}, 0)`).join(' or ')}
    order by key
    limit $1`;
  return { table, figures, text };
}

/** The marts that the fold writes, with the tail, against the recomputed sales. */
export function checksOfFinestMarts(): Check[] {
  const check = (table: string, keys: readonly string[], figures: readonly string[], scope: number) => {
    const columns = [...keys, ...figures].join(', ');
    return compare(
      `cdm.${table}`,
      keys,
      figures,
      `select ${columns} from audit_rows where scope = ${scope}`,
      `select ${columns} from cdm.${table} union all select ${columns} from audit_tail where scope = ${scope}`,
    );
  };
  return [
    check('sales_hour', ['place_id', 'period', 'hour_at', ...salesFamily.columns], salesFamily.figures, 0),
    check(
      'category_hour',
      ['place_id', 'period', 'hour_at', ...categoryFamily.columns],
      categoryFamily.figures,
      1,
    ),
    check('product_day', ['place_id', 'period', ...productFamily.columns], productFamily.figures, 2),
    pulseCheck(),
  ];
}

/** Only by the time of the sale: corrections arrive at another time than what they correct. */
function pulseCheck(): Check {
  const keys = ['place_id', 'slot_at', 'period', 'source', 'currency'];
  const figures = salesFamily.figures;
  const slot = "date_bin('5 minutes', sale_at, 'epoch'::timestamptz) as slot_at";
  const folded = (from: string) =>
    `select place_id, ${slot}, period, source, currency, ${figures.join(', ')} from ${from} where scope = 0`;
  return compare(
    'cdm.place_pulse',
    keys,
    figures,
    folded('audit_rows'),
    `select ${[...keys, ...figures].join(', ')} from cdm.place_pulse where not by_arrival union all ${folded('audit_tail')}`,
  );
}

/** Each clean period against the level below it. */
export function checksOfRolledUpMarts(): Check[] {
  const checks: Check[] = [];
  const levels = [
    { level: 'day', from: 'hour', unit: 'day' },
    { level: 'month', from: 'day', unit: 'month' },
    { level: 'year', from: 'month', unit: 'year' },
    { level: 'chain_day', from: 'day', unit: 'day' },
  ];
  const families = [
    { name: 'sales', ...salesFamily },
    { name: 'category', ...categoryFamily },
    { name: 'product', ...productFamily },
  ];
  for (const family of families) {
    for (const { level, from, unit } of levels) {
      if (family.name === 'product' && (level === 'day' || level === 'chain_day')) continue;
      const chain = level === 'chain_day';
      const keys = [...(chain ? [] : ['place_id']), 'period', ...family.columns];
      const columns = [...keys, ...family.figures];
      const dirty = (alias: string, period: string) =>
        `not exists (select from cdm.dirty as d where d.level = '${level}' and d.place_id = ${chain ? "''" : `${alias}.place_id`} and d.period = ${period})`;
      const period = `date_trunc('${unit}', t.period)::date`;
      const below = columns
        .map((column) => (column === 'period' ? `${period} as period` : `t.${column}`))
        .join(', ');
      checks.push(
        compare(
          `cdm.${family.name}_${level}`,
          keys,
          family.figures,
          `select ${below} from cdm.${family.name}_${from} as t where ${dirty('t', period)}`,
          `select ${columns.map((column) => `t.${column}`).join(', ')} from cdm.${family.name}_${level} as t where ${dirty('t', 't.period')}`,
        ),
      );
    }
  }
  return checks;
}
