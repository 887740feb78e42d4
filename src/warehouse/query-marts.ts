import type { Family, FigureName, FiguresQuery } from './query-figures.ts';
import { splitRange } from './split-range.ts';

type Range = readonly [from: string, to: string];
type Options = {
  query: FiguresQuery;
  family: Family;
  figures: readonly FigureName[];
  /** The last, half day is read from five-minute slots instead of hours. */
  byPulse: boolean;
};
type Unit = 'year' | 'month';

const scopes: Record<Family, number> = { sales: 0, category: 1, product: 2 };
/** The parts of a statement, each a `select` of the same columns, whose sum is the answer. */
export class MartParts {
  readonly values: unknown[] = [];
  private readonly query: FiguresQuery;
  private readonly family: Family;
  private readonly figures: readonly FigureName[];
  private readonly byPulse: boolean;
  private readonly names = new Map<string, string>();

  constructor(options: Options) {
    this.query = options.query;
    this.family = options.family;
    this.figures = options.figures;
    this.byPulse = options.byPulse;
  }

  /** Marts, clean and dirty, and the tail of the journal that is not folded yet. */
  all(): string[] {
    const { from, to, cut } = this.query;
    if (cut === undefined) return [...this.marts([from, to]), this.tail()];
    const whole = from < cut.from ? this.marts([from, dayBefore(cut.from)]) : [];
    return [...whole, this.cutPart(), this.tail()];
  }

  /** A parameter; the same name is bound once. */
  bind(name: string, value: unknown): string {
    let placeholder = this.names.get(name);
    if (placeholder === undefined) {
      this.values.push(value);
      placeholder = `$${this.values.length}`;
      this.names.set(name, placeholder);
    }
    return placeholder;
  }

  private between(column: string, name: string, [from, to]: Range): string {
    return `${column} between ${this.bind(`${name}_from`, from)}::date and ${this.bind(`${name}_to`, to)}::date`;
  }

  /** What every part yields, in one order. `t` has no place in the chain's tables, no payment in the pulse. */
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
      table === 'cdm.place_pulse' ? 'null::text as payment_method' : 't.payment_method',
      't.source',
      't.currency',
      ...this.figures.map((figure) => `t.${figure}`),
    ];
    return `select ${columns.join(', ')}`;
  }

  private filters(chain = false): string {
    const { query } = this;
    const oneOf = (column: string, name: string, values: readonly string[] | undefined) =>
      values === undefined ? [] : [`t.${column} = any(${this.bind(name, values)}::text[])`];
    const conditions = [
      ...oneOf('source', 'sources', query.sources),
      ...(chain ? [] : oneOf('place_id', 'places', query.places)),
      ...oneOf('payment_method', 'payments', query.paymentMethods),
      ...oneOf('product_id', 'products', query.products),
      ...oneOf('category', 'categories', query.categories),
    ];
    if (query.groups !== undefined && !chain)
      conditions.push(
        `t.place_id in (select place_id from ops.place where groups && ${this.bind('groups', query.groups)}::text[])`,
      );
    // Rows of category '*' only correct the receipts of a product over all its categories.
    if (this.family === 'product' && (query.categories !== undefined || query.groupBy.includes('category')))
      conditions.push("t.category <> '*'");
    return conditions.join(' and ');
  }

  private notDirty(level: string): string {
    const place = level === 'chain_day' ? "''" : 't.place_id';
    return `not exists (select from cdm.dirty as n where n.level = '${level}' and n.place_id = ${place} and n.period = t.period)`;
  }

  private part(table: string, condition: string, join = '', chain = false): string {
    return `${this.select(table, chain)} from ${table} as t ${join} where ${condition} and ${this.filters(chain)}`;
  }

  /**
   * The rows of `table` that make up dirty periods of the level above. Looked up mark by mark (`offset 0`
   * keeps the planner from joining the sets): otherwise it reads the whole mart for a few marks, 147 ms
   * instead of 11 for a year by day of 200 places that are all dirty today.
   */
  private insideMarks(table: string, marks: string, within: string, rows = 'true'): string {
    const lookUp = `select t.* from ${table} as t where ${within} and ${this.filters()} offset 0`;
    // A mark of the chain's day names no place.
    const { places } = this.query;
    const asked =
      places === undefined || marks.includes("'chain_day'")
        ? 'true'
        : `d.place_id = any(${this.bind('places', places)}::text[])`;
    return `${this.select(table)} from cdm.dirty as d cross join lateral (${lookUp}) as t where ${marks} and ${asked} and ${rows}`;
  }

  private marts(range: Range): string[] {
    const { query, family } = this;
    if (query.granularity === 'hour')
      return [this.part(`cdm.${family}_hour`, this.between('t.period', 'whole', range))];
    const placed =
      query.groupBy.includes('place') ||
      query.groupBy.includes('group') ||
      query.places !== undefined ||
      query.groups !== undefined;
    return family !== 'product' && !placed ? this.chain(range) : this.byPlace(range);
  }

  /** Days of all places together; a dirty one from the places' days, and those of them that are dirty from hours. */
  private chain(range: Range): string[] {
    const { family } = this;
    return [
      this.part(
        `cdm.${family}_chain_day`,
        `${this.between('t.period', 'whole', range)} and ${this.notDirty('chain_day')}`,
        '',
        true,
      ),
      this.insideMarks(
        `cdm.${family}_day`,
        `d.level = 'chain_day' and ${this.between('d.period', 'whole', range)}`,
        't.period = d.period',
        this.notDirty('day'),
      ),
      this.hoursOfDirtyDays(range),
    ];
  }

  private hoursOfDirtyDays(range: Range): string {
    return this.insideMarks(
      `cdm.${this.family}_hour`,
      `d.level = 'day' and ${this.between('d.period', 'whole', range)}`,
      't.place_id = d.place_id and t.period = d.period',
    );
  }

  /**
   * Whole years, whole months beside them, and edge days, each run of periods being contiguous. A dirty
   * period is left out of its own table and read from the one below, whose dirty ones are again left out.
   */
  private byPlace(range: Range): string[] {
    const { family } = this;
    const { years, months, days } = splitRange(range[0], range[1], this.coarsest());
    const parts: string[] = [];
    if (years !== undefined) {
      parts.push(this.clean('year', 'years', years), this.insideDirty('year', 'month', 'years', years));
      parts.push(this.insideDirty('month', 'day', 'years', years));
    }
    for (const [index, run] of months.entries()) {
      const name = `months_${index}`;
      parts.push(this.clean('month', name, run), this.insideDirty('month', 'day', name, run));
    }
    for (const [index, run] of days.entries()) {
      const notDirty = family === 'product' ? '' : ` and ${this.notDirty('day')}`;
      parts.push(
        this.part(`cdm.${family}_day`, `${this.between('t.period', `days_${index}`, run)}${notDirty}`),
      );
    }
    // Products have no hours: their days are written by the fold itself and are never behind.
    if (family !== 'product') parts.push(this.hoursOfDirtyDays(range));
    return parts;
  }

  private coarsest(): 'day' | Unit {
    const { granularity } = this.query;
    if (granularity === 'month') return 'month';
    return granularity === 'year' || granularity === 'total' ? 'year' : 'day';
  }

  private clean(unit: Unit, name: string, run: Range): string {
    return this.part(
      `cdm.${this.family}_${unit}`,
      `${this.between('t.period', name, run)} and ${this.notDirty(unit)}`,
    );
  }

  /** The clean rows of `child` inside the dirty periods of `unit`: those of `run`, or the months of a run of years. */
  private insideDirty(unit: Unit, child: 'month' | 'day', name: string, run: Range): string {
    const within = `t.place_id = d.place_id and t.period >= d.period and t.period < (d.period + interval '1 ${unit}')::date`;
    const marks =
      name === 'years' && unit === 'month'
        ? `d.period >= ${this.bind('years_from', run[0])}::date and d.period < (${this.bind('years_to', run[1])}::date + interval '1 year')::date`
        : this.between('d.period', name, run);
    const rows = this.family === 'product' && child === 'day' ? 'true' : this.notDirty(child);
    return this.insideMarks(`cdm.${this.family}_${child}`, `d.level = '${unit}' and ${marks}`, within, rows);
  }

  /** The days that count only up to some time of day, from hours or slots, which are never behind the fold. */
  private cutPart(): string {
    const { from, cut } = this.query;
    const { join, condition } = this.upToCut(this.byPulse ? 't.slot_at' : 't.hour_at');
    const first = [cut!.from, from].sort()[1]!;
    const days = this.between('t.period', 'cut', [first, cut!.to]);
    if (!this.byPulse) {
      return this.part(`cdm.${this.family}_hour`, `${days} and ${condition}`, join);
    }
    // The slots have no index by business date; no zone and no late business day puts one further off.
    const near = `t.slot_at >= ${this.bind('cut_from', first)}::date - interval '1 day' and t.slot_at < ${this.bind('cut_to', cut!.to)}::date + interval '3 days'`;
    return this.part('cdm.place_pulse', `not t.by_arrival and ${near} and ${days} and ${condition}`, join);
  }

  /** Before the cut of the row's own place; places that share one cut need no join. */
  private upToCut(column: string): { join: string; condition: string } {
    const cut = this.query.cut!;
    const date = `${this.bind('cut_date', cut.date)}::date`;
    const instant = `${this.bind('cut_instant', cut.instant)}::timestamptz`;
    const before = (day: string, at: string) =>
      `(t.period < ${day} or (t.period = ${day} and ${column} < ${at}))`;
    if (cut.places.length === 0) return { join: '', condition: before(date, instant) };
    const list = (name: string, type: string, values: readonly string[]) =>
      `${this.bind(name, values)}::${type}[]`;
    const ids = list(
      'cut_places',
      'text',
      cut.places.map((place) => place.placeId),
    );
    const dates = list(
      'cut_dates',
      'date',
      cut.places.map((place) => place.date),
    );
    const instants = list(
      'cut_instants',
      'timestamptz',
      cut.places.map((place) => place.instant),
    );
    return {
      join: `left join unnest(${ids}, ${dates}, ${instants}) as k(place_id, day, at) on k.place_id = t.place_id`,
      condition: before(`coalesce(k.day, ${date})`, `coalesce(k.at, ${instant})`),
    };
  }

  private tail(): string {
    const { query } = this;
    const range = this.between('t.period', 'all', [query.from, query.to]);
    const { join, condition } =
      query.cut === undefined
        ? { join: '', condition: 'true' }
        : this.upToCut(this.byPulse ? 't.sale_at' : 't.hour_at');
    const cursor = (column: string) => `(select ${column} from cdm.cursor where follower = 'fold')`;
    return `${this.select('tail')}
      from stg.journal as j cross join lateral cdm.contribution_rows(j.contributions) as t ${join}
      where j.contributions is not null
        and (j.epoch, j.xid, j.position) > (${cursor('epoch')}, ${cursor('xid')}, ${cursor('position')})
        and t.scope = ${scopes[this.family]} and ${range} and ${condition} and ${this.filters()}`;
  }
}

function dayBefore(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}
