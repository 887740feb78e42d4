import { randomBytes } from 'node:crypto';
import { amountToNumber, averageMinor, currencyDigits } from '../base/money.ts';
import { addDays, localTimeAt, resolveTime } from '../base/time.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { FigureName } from '../warehouse/query-figures.ts';
import type { DayFigures } from '../warehouse/query-today.ts';

/** A place's running totals of its current business date, in the currency's own units. */
export type LivePlace = {
  place_id: string;
  place_name: string;
  currency: string;
  business_date: string;
  sales: number;
  refunds: number;
  net: number;
  discounts: number;
  receipts: number;
  units: number;
  average_receipt: number | null;
  nds: number;
  tips: number;
};

/** `change` is the number of the read that brought it. */
type Known = { shown: LivePlace; change: number };

/** No zone and no late business day is further from the date in UTC. */
const nearDates = [-2, -1, 0, 1];

/** What is known of today, and what changed in it since when. */
export class LiveFigures {
  /** Tells ids of this memory from those of another process, or of an earlier one. */
  private readonly name = randomBytes(6).toString('base64url');
  private readonly known = new Map<string, Known>();
  private readonly dates = new Map<string, string>();
  private readonly events = new Map<string, string | undefined>();
  private change = 0;
  private readAt = '';

  /** The dates that may be today somewhere. */
  static datesNear(nowMs: number): string[] {
    const date = new Date(nowMs).toISOString().slice(0, 10);
    return nearDates.map((days) => addDays(date, days));
  }

  /** Whether the business date of a place has passed since it was looked at. */
  hasNewDay(today: (placeId: string) => string): boolean {
    return [...this.dates].some(([placeId, date]) => today(placeId) !== date);
  }

  /**
   * Takes in what was read of some places or of all: what they have no figures of any more is nought. A row that is
   * as it was is no change.
   */
  take(
    rows: readonly DayFigures[],
    { today, nowMs }: { today: (placeId: string) => string; nowMs: number },
  ): void {
    const change = this.change + 1;
    const places = new Map(rows.map((row) => [row.place_id, row.place_name]));
    const found = new Map<string, LivePlace>();
    for (const placeId of places.keys()) this.dates.set(placeId, today(placeId));
    for (const row of rows)
      if (row.period !== null && row.period === this.dates.get(row.place_id))
        found.set(keyOf(row.place_id, row.currency), shownOf(row, row.period, row.currency));
    for (const [key, { shown }] of this.known)
      if (places.has(shown.place_id) && !found.has(key))
        found.set(key, { ...shown, ...nothing, business_date: this.dates.get(shown.place_id)! });
    for (const [key, shown] of found) {
      const before = this.known.get(key)?.shown;
      const isNew = before === undefined ? !isNothing(shown) : !isSame(before, shown);
      if (!isNew) continue;
      this.known.set(key, { shown, change });
      this.change = change;
    }
    if (this.change === change) this.events.clear();
    this.readAt = new Date(nowMs).toISOString();
  }

  get newest(): number {
    return this.change;
  }

  /** The change that an event's id names; undefined where the id is of another memory. */
  changeOf(id: string): number | undefined {
    const [name, change] = [id.slice(0, id.lastIndexOf('.')), Number(id.slice(id.lastIndexOf('.') + 1))];
    return name === this.name && Number.isInteger(change) && change <= this.change ? change : undefined;
  }

  /**
   * The event with what changed since, or with all of today where `since` is left out; undefined where nothing did.
   * Everyone who asks the same is given the same text.
   */
  eventSince(since: number | undefined, placeId: string | undefined): string | undefined {
    const key = `${since} ${placeId ?? ''}`;
    if (!this.events.has(key)) this.events.set(key, this.write(since, placeId));
    return this.events.get(key);
  }

  private write(since: number | undefined, placeId: string | undefined): string | undefined {
    const places = [...this.known.values()]
      .filter(({ change }) => since === undefined || change > since)
      .filter(({ shown }) => placeId === undefined || shown.place_id === placeId)
      .map(({ shown }) => shown);
    if (since !== undefined && places.length === 0) return undefined;
    const name = since === undefined ? 'today' : 'sales';
    const data = JSON.stringify({ at: this.readAt, places });
    return `event: ${name}\nid: ${this.name}.${this.change}\ndata: ${data}\n\n`;
  }
}

/** Which business date it is in each place at a moment; places with the same settings are worked out once. */
export function businessDatesAt(
  nowMs: number,
  snapshot: ReferenceSnapshot,
  defaultTimeZone: string,
): (placeId: string) => string {
  const time = { local: new Date(nowMs).toISOString().slice(0, 19), offset: 'Z' };
  const dates = new Map<string, string>();
  return (placeId) => {
    const { timeZone, businessDayStart } = snapshot.placeSettings(placeId, time, defaultTimeZone);
    const key = `${timeZone} ${businessDayStart}`;
    let date = dates.get(key);
    if (date === undefined) {
      const local = localTimeAt(nowMs, timeZone).slice(0, 19);
      date = resolveTime({ local }, timeZone, businessDayStart).businessDate;
      dates.set(key, date);
    }
    return date;
  };
}

const keyOf = (placeId: string, currency: string) => `${currency} ${placeId}`;

const nothing = {
  ...{ sales: 0, refunds: 0, net: 0, discounts: 0, receipts: 0, units: 0 },
  ...{ average_receipt: null, nds: 0, tips: 0 },
};

function isNothing(shown: LivePlace): boolean {
  return Object.keys(nothing).every((name) => (shown[name as keyof LivePlace] || null) === null);
}

function isSame(one: LivePlace, other: LivePlace): boolean {
  return Object.keys(one).every((name) => one[name as keyof LivePlace] === other[name as keyof LivePlace]);
}

function shownOf(
  row: { place_id: string; place_name: string } & Record<FigureName, number>,
  business_date: string,
  currency: string,
): LivePlace {
  const digits = currencyDigits(currency);
  const money = (minor: number) => amountToNumber(minor, digits);
  const average = averageMinor(row.sales, row.receipts);
  return {
    place_id: row.place_id,
    place_name: row.place_name,
    currency,
    business_date,
    sales: money(row.sales),
    refunds: money(row.refunds),
    net: money(row.sales - row.refunds),
    discounts: money(row.discounts),
    receipts: row.receipts,
    units: row.units / 1000,
    average_receipt: average === null ? null : money(average),
    nds: money(row.nds),
    tips: money(row.tips),
  };
}
