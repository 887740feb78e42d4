import { monthsOf, splitRange } from './split-range.ts';

export type Granularity = 'total' | 'hour' | 'day' | 'week' | 'month' | 'year';
export type GroupColumn = 'place' | 'product' | 'category' | 'payment_method' | 'source' | 'group';
export type FigureName =
  | 'sales'
  | 'refunds'
  | 'discounts'
  | 'receipts'
  | 'refund_receipts'
  | 'units'
  | 'nds'
  | 'tips';

export type FiguresQuery = {
  granularity: Granularity;
  groupBy: readonly GroupColumn[];
  /** Business dates, both included. */
  from: string;
  to: string;
  places?: readonly string[];
  groups?: readonly string[];
  products?: readonly string[];
  categories?: readonly string[];
  paymentMethods?: readonly string[];
  sources: readonly string[];
  /** The last day counts only up to an instant: that of `date` before `instant` (RFC 3339). */
  cut?: { date: string; instant: string };
  order?: readonly { column: string; descending: boolean }[];
  limit?: number;
  offset?: number;
};

export type FiguresRow = {
  period: string | null;
  hour_at: Date | null;
  place_id?: string;
  product_id?: string;
  category?: string;
  payment_method?: string;
  source?: string;
  group?: string;
  currency: string;
} & Record<FigureName, number>;

export type Family = 'sales' | 'category' | 'product';

const whole: readonly FigureName[] = [
  'sales',
  'refunds',
  'discounts',
  'receipts',
  'refund_receipts',
  'units',
  'nds',
  'tips',
];
const ofLines: readonly FigureName[] = ['sales', 'refunds', 'receipts', 'refund_receipts', 'units'];
const scopes: Record<Family, number> = { sales: 0, category: 1, product: 2 };

export function familyOf(query: Pick<FiguresQuery, 'groupBy' | 'products' | 'categories'>): Family {
  if (query.groupBy.includes('product') || query.products !== undefined) return 'product';
  if (query.groupBy.includes('category') || query.categories !== undefined) return 'category';
  return 'sales';
}

/** Whether a cut of the last day can use the five-minute pulse, which knows neither lines nor payment. */
export function cutsByPulse(query: FiguresQuery): boolean {
  return (
    familyOf(query) === 'sales' &&
    query.paymentMethods === undefined &&
    !query.groupBy.includes('payment_method') &&
    query.granularity !== 'hour'
  );
}

/**
 * One statement that reads clean periods from the coarsest marts, dirty ones from the level below, and adds
 * the tail of the journal that is not folded yet, all in one snapshot. Its work is that of its answer and of
 * the tail, not of the history.
 */
export function figuresStatement(query: FiguresQuery): { text: string; values: unknown[] } {
  const builder = new StatementBuilder(query);
  return builder.build();
}

class StatementBuilder {
  private readonly query: FiguresQuery;
  private readonly family: Family;
  private readonly figures: readonly FigureName[];
  private readonly values: unknown[] = [];
  private readonly names = new Map<string, string>();

  constructor(query: FiguresQuery) {
    this.query = query;
    this.family = familyOf(query);
    this.figures = this.family === 'sales' ? whole : ofLines;
  }

  build(): { text: string; values: unknown[] } {
    const { query } = this;
    const keys = this.keyColumns();
    const sums = whole.map((figure) =>
      this.figures.includes(figure) ? `sum(${figure})::bigint as ${figure}` : `0::bigint as ${figure}`,
    );
    const parts = [...this.marts(), this.tail()];
    const grouped = query.groupBy.includes('group')
      ? 'join ops.place as p on p.place_id = base.place_id cross join unnest(p.groups) as g("group")'
      : '';
    const groupColumns = keys.map((key) => (key === '"group"' ? 'g."group"' : `base.${key}`));
    const order = this.orderBy();
    const page =
      query.limit === undefined
        ? ''
        : ` limit ${this.bind('limit', query.limit)} offset ${this.bind('offset', query.offset ?? 0)}`;
    // The generation is named first, so that a swap of the marts is waited for before the snapshot is taken.
    const text = `
      with generation as materialized (select max(generation) as number from cdm.generation),
      base as (${parts.join('\n      union all ')})
      select ${[...groupColumns, ...sums].join(', ')}
      from base ${grouped}
      where (select number from generation) is not null
      group by ${groupColumns.join(', ')}
      having ${this.figures.map((figure) => `sum(${figure}) <> 0`).join(' or ')}
      order by ${order}${page}`;
    return { text, values: this.values };
  }

  /** The columns an answer is grouped by, in the order in which rows are sorted. */
  private keyColumns(): string[] {
    const { groupBy, granularity } = this.query;
    const keys = [granularity === 'hour' ? 'hour_at' : 'bucket'];
    if (groupBy.includes('group')) keys.push('"group"');
    if (groupBy.includes('place')) keys.push('place_id');
    if (groupBy.includes('product')) keys.push('product_id');
    for (const column of ['category', 'payment_method', 'source'] as const)
      if (groupBy.includes(column)) keys.push(column);
    keys.push('currency');
    return keys;
  }

  private orderBy(): string {
    const asked = (this.query.order ?? []).map(({ column, descending }) => {
      const expression = this.orderExpression(column);
      return `${expression}${descending ? ' desc nulls last' : ''}`;
    });
    const keys = this.keyColumns().map((key) => (key === '"group"' ? 'g."group"' : `base.${key}`));
    return [...asked, ...keys].join(', ');
  }

  private orderExpression(column: string): string {
    if (column === 'period') return this.query.granularity === 'hour' ? 'base.hour_at' : 'base.bucket';
    if (column === 'net') return 'sum(sales) - sum(refunds)';
    if (column === 'average_receipt') return 'sum(sales)::numeric / nullif(sum(receipts), 0)';
    if (column === 'currency') return 'base.currency';
    if ((this.figures as readonly string[]).includes(column)) return `sum(${column})`;
    return column === 'group' ? 'g."group"' : `base.${column}`;
  }

  private bind(name: string, value: unknown): string {
    let placeholder = this.names.get(name);
    if (placeholder === undefined) {
      this.values.push(value);
      placeholder = `$${this.values.length}`;
      this.names.set(name, placeholder);
    }
    return placeholder;
  }

  private dates(name: string, values: readonly string[]): string {
    return `any(${this.bind(name, values)}::date[])`;
  }

  private range(column: string): string {
    return `${column} between ${this.bind('from', this.query.from)}::date and ${this.bind('to', this.query.to)}::date`;
  }

  /** What every part yields, in one order. `t` has no place in the chain's tables. */
  private select(table: string, chain = false): string {
    const { granularity } = this.query;
    const bucket = {
      total: 'null::date',
      hour: 'null::date',
      day: 't.period',
      week: "date_trunc('week', t.period)::date",
      month: "date_trunc('month', t.period)::date",
      year: "date_trunc('year', t.period)::date",
    }[granularity];
    const hour = granularity === 'hour' ? 't.hour_at' : 'null::timestamptz';
    const columns = [
      `${bucket} as bucket`,
      `${hour} as hour_at`,
      chain ? 'null::text as place_id' : 't.place_id',
      this.family === 'product' ? 't.product_id' : 'null::text as product_id',
      this.family === 'sales' ? 'null::text as category' : 't.category',
      table.endsWith('place_pulse') ? 'null::text as payment_method' : 't.payment_method',
      't.source',
      't.currency',
      ...this.figures.map((figure) => `t.${figure}`),
    ];
    return `select ${columns.join(', ')}`;
  }

  /** The filters that hold for every part. */
  private filters(chain = false): string {
    const { query } = this;
    const conditions = [`t.source = any(${this.bind('sources', query.sources)})`];
    if (query.places !== undefined && !chain)
      conditions.push(`t.place_id = any(${this.bind('places', query.places)})`);
    if (query.groups !== undefined && !chain) {
      conditions.push(
        `t.place_id in (select place_id from ops.place where groups && ${this.bind('groups', query.groups)}::text[])`,
      );
    }
    if (query.paymentMethods !== undefined)
      conditions.push(`t.payment_method = any(${this.bind('payments', query.paymentMethods)})`);
    if (query.products !== undefined)
      conditions.push(`t.product_id = any(${this.bind('products', query.products)})`);
    if (query.categories !== undefined)
      conditions.push(`t.category = any(${this.bind('categories', query.categories)})`);
    // Rows of category '*' only correct the receipts of a product over all its categories.
    if (this.family === 'product' && (query.categories !== undefined || query.groupBy.includes('category')))
      conditions.push("t.category <> '*'");
    return conditions.join(' and ');
  }

  private notDirty(level: string): string {
    const place = level === 'chain_day' ? "''" : 't.place_id';
    return `not exists (select from cdm.dirty as n where n.level = '${level}' and n.place_id = ${place} and n.period = t.period)`;
  }

  private marts(): string[] {
    const { query, family } = this;
    if (query.cut !== undefined) return this.martsUpToCut(query.cut);
    if (query.granularity === 'hour') return [this.part(`${family}_hour`, this.range('t.period'))];
    const placed =
      query.groupBy.includes('place') ||
      query.groupBy.includes('group') ||
      query.places !== undefined ||
      query.groups !== undefined;
    return family !== 'product' && !placed ? this.chain() : this.byPlace();
  }

  private part(table: string, condition: string, join = '', chain = false): string {
    return `${this.select(`cdm.${table}`, chain)} from ${join === '' ? `cdm.${table} as t` : join} where ${condition} and ${this.filters(chain)}`;
  }

  private chain(): string[] {
    const { family } = this;
    const below = (level: string, table: string) =>
      `cdm.dirty as d join cdm.${family}_${table} as t on t.period = d.period${level === 'day' ? ' and t.place_id = d.place_id' : ''}`;
    return [
      this.part(
        `${family}_chain_day`,
        `${this.range('t.period')} and ${this.notDirty('chain_day')}`,
        '',
        true,
      ),
      this.part(
        `${family}_day`,
        `d.level = 'chain_day' and ${this.range('d.period')} and ${this.notDirty('day')}`,
        below('chain_day', 'day'),
      ),
      this.part(`${family}_hour`, `d.level = 'day' and ${this.range('d.period')}`, below('day', 'hour')),
    ];
  }

  private byPlace(): string[] {
    const { query, family } = this;
    const coarsest =
      query.granularity === 'month'
        ? 'month'
        : query.granularity === 'year' || query.granularity === 'total'
          ? 'year'
          : 'day';
    const { years, months, days } = splitRange(query.from, query.to, coarsest);
    const within = (unit: string) =>
      `t.place_id = d.place_id and t.period >= d.period and t.period < (d.period + interval '1 ${unit}')::date`;
    const dirtyDay = family === 'product' ? '' : ` and ${this.notDirty('day')}`;
    const parts: string[] = [];
    if (years.length > 0) {
      parts.push(
        this.part(`${family}_year`, `t.period = ${this.dates('years', years)} and ${this.notDirty('year')}`),
      );
      parts.push(
        this.part(
          `${family}_month`,
          `d.level = 'year' and d.period = ${this.dates('years', years)} and ${this.notDirty('month')}`,
          `cdm.dirty as d join cdm.${family}_month as t on ${within('year')}`,
        ),
      );
    }
    if (months.length > 0)
      parts.push(
        this.part(
          `${family}_month`,
          `t.period = ${this.dates('months', months)} and ${this.notDirty('month')}`,
        ),
      );
    const covered = [...monthsOf(years), ...months];
    if (covered.length > 0) {
      parts.push(
        this.part(
          `${family}_day`,
          `d.level = 'month' and d.period = ${this.dates('covered', covered)}${dirtyDay}`,
          `cdm.dirty as d join cdm.${family}_day as t on ${within('month')}`,
        ),
      );
    }
    for (const [index, [from, to]] of days.entries()) {
      const range = `t.period between ${this.bind(`edge_from_${index}`, from)}::date and ${this.bind(`edge_to_${index}`, to)}::date`;
      parts.push(this.part(`${family}_day`, `${range}${dirtyDay}`));
    }
    if (family !== 'product') {
      parts.push(
        this.part(
          `${family}_hour`,
          `d.level = 'day' and ${this.range('d.period')}`,
          `cdm.dirty as d join cdm.${family}_hour as t on t.place_id = d.place_id and t.period = d.period`,
        ),
      );
    }
    return parts;
  }

  /** The days before the cut from the day marts, the last one from its hours or five-minute slots. */
  private martsUpToCut(cut: { date: string; instant: string }): string[] {
    const { family, query } = this;
    const date = `${this.bind('cut_date', cut.date)}::date`;
    const instant = `${this.bind('cut_instant', cut.instant)}::timestamptz`;
    const before = `${this.range('t.period')} and t.period < ${date}`;
    const parts = [];
    if (query.granularity === 'hour') parts.push(this.part(`${family}_hour`, before));
    else {
      parts.push(this.part(`${family}_day`, `${before} and ${this.notDirty('day')}`));
      parts.push(
        this.part(
          `${family}_hour`,
          `d.level = 'day' and ${before}`,
          `cdm.dirty as d join cdm.${family}_hour as t on t.place_id = d.place_id and t.period = d.period`,
        ),
      );
    }
    if (cutsByPulse(query))
      parts.push(
        this.part('place_pulse', `not t.by_arrival and t.period = ${date} and t.slot_at < ${instant}`),
      );
    else parts.push(this.part(`${family}_hour`, `t.period = ${date} and t.hour_at < ${instant}`));
    return parts;
  }

  private tail(): string {
    const { cut } = this.query;
    const range =
      cut === undefined
        ? this.range('t.period')
        : `${this.range('t.period')} and (t.period < ${this.bind('cut_date', cut.date)}::date or (t.period = ${this.bind('cut_date', cut.date)}::date and ${cutsByPulse(this.query) ? 't.sale_at' : 't.hour_at'} < ${this.bind('cut_instant', cut.instant)}::timestamptz))`;
    return `${this.select('tail')}
      from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as t
      where j.contributions is not null and (j.epoch, j.xid, j.position) > (
          (select epoch from cdm.cursor where follower = 'fold'),
          (select xid from cdm.cursor where follower = 'fold'),
          (select position from cdm.cursor where follower = 'fold'))
        and t.scope = ${scopes[this.family]} and ${range} and ${this.filters()}`;
  }
}
