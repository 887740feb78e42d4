import type { Problem } from '../base/errors.ts';
import {
  currencyDigits,
  isCurrency,
  lineAmount,
  maximumAmountMinor,
  type NumberTrouble,
  parseAmount,
  parseQuantity,
} from '../base/money.ts';
import { type LocalTime, parseTimestamp, resolveTime } from '../base/time.ts';
import type { Arrival, Flag, Line } from '../sales/sale.ts';
import type { ParseContext } from './parse-document.ts';
import { maximumProblems } from './schema-problems.ts';

/** Stands for a time that cannot be read; its document is rejected, so nobody sees it. */
export const noTime: LocalTime = { local: '2000-01-01T00:00:00' };
const hourMs = 3_600_000;
/** What the lines of one sale may add up to, far below where integers stop being exact. */
const maximumSumMinor = 10 ** 15;

/**
 * Reads the values of one document whose shape is right, of whatever kind it is. What they have wrong is
 * collected in `problems`, with JSON pointers; what is only worth a look in `flags`.
 */
export class ValueReader {
  readonly problems: Problem[] = [];
  readonly flags: Flag[] = [];
  private readonly arrival: Arrival;
  private readonly context: ParseContext;
  /** What a sender of negative amounts should do instead. */
  private readonly adviceOnNegative: string;
  private currency = '';
  private digits = 2;
  /** The list whose lines are read, and which of them. */
  private list: string | undefined;
  private index = 0;

  constructor(arrival: Arrival, context: ParseContext, adviceOnNegative = '') {
    this.arrival = arrival;
    this.context = context;
    this.adviceOnNegative = adviceOnNegative;
  }

  /** The place that the document names, else the one that was settled on arrival. */
  placeId(given: string | undefined, pointer: string): string {
    const placeId = given ?? this.arrival.resolved.placeId;
    const bound = this.arrival.boundPlaceId;
    if (bound !== undefined && placeId !== bound)
      this.problem(pointer, 'foreign_place', `the token is bound to the place ${bound}`);
    return placeId;
  }

  /** A time as it is written, undefined (and a problem) where it is none. */
  written(text: string, pointer: string): LocalTime | undefined {
    const time = parseTimestamp(text);
    if (time !== null) return time;
    this.problem(pointer, 'invalid_timestamp', `"${text}" is not an ISO 8601 date and time that exists`);
    return undefined;
  }

  /** The time of a sale, read in the time zone of its place. */
  time(text: string, pointer: string, placeId: string): LocalTime {
    const { arrival, context } = this;
    const time = this.written(text, pointer);
    if (time === undefined) return noTime;
    const settings = context.current.placeSettings(placeId, time, arrival.resolved.timeZone);
    const resolved = resolveTime(time, settings.timeZone, settings.businessDayStart);
    if (resolved.flag === 'dst_gap') this.flag('dst_gap', 'the clocks skipped this time');
    else if (resolved.flag !== undefined)
      this.flag(resolved.flag, 'the clocks showed this time twice; the first was taken');
    this.checkRange(resolved, pointer);
    return time;
  }

  /** A document that was accepted once is not asked again whether its time is possible. */
  checkRange(time: { epochMs: number; local: string }, pointer: string): void {
    if (this.context.accepted === true) return;
    const { maximumFutureHours, minimumDate } = this.context.config;
    if (time.epochMs > this.arrival.receivedAtMs + maximumFutureHours * hourMs)
      this.problem(
        pointer,
        'timestamp_out_of_range',
        `more than ${maximumFutureHours} hours after its arrival`,
      );
    else if (time.local < minimumDate)
      this.problem(pointer, 'timestamp_out_of_range', `before ${minimumDate}`);
  }

  /** Has to be asked before any amount is read: it says how many decimals they have. */
  currencyOf(given: string | undefined, pointer: string, placeId: string, time: LocalTime): string {
    const { resolved } = this.arrival;
    if (given !== undefined && !isCurrency(given))
      this.problem(pointer, 'unknown_currency', `"${given}" is not an ISO 4217 currency such as RUB or EUR`);
    this.currency =
      given ?? this.context.current.placeCurrency(placeId, time, resolved.timeZone) ?? resolved.currency;
    this.digits = currencyDigits(this.currency);
    return this.currency;
  }

  /** Of each member of a list, in which pointers begin at the member: nearly none is ever needed whole. */
  each<Item, Value>(
    items: readonly Item[],
    list: string,
    read: (reader: ValueReader, item: Item) => Value,
  ): Value[] {
    this.list = list;
    const values = items.map((item, index) => {
      this.index = index;
      return read(this, item);
    });
    this.list = undefined;
    return values;
  }

  quantity(value: number | string, pointer: string): number {
    const parsed = parseQuantity(value);
    if (typeof parsed === 'string') this.numberProblem(pointer, parsed, 'a quantity has at most 3 decimals');
    else if (parsed <= 0) this.problem(pointer, 'not_positive', 'must be over 0');
    else return parsed;
    return 0;
  }

  amount(value: number | string, pointer: string): number {
    const parsed = parseAmount(value, this.digits);
    if (typeof parsed === 'string')
      this.numberProblem(pointer, parsed, `${this.currency} has ${this.digits} decimals`);
    else if (parsed < 0) this.problem(pointer, 'negative', `must not be under 0${this.adviceOnNegative}`);
    else return parsed;
    return 0;
  }

  /** `quantity × price` in minor units, rounded half up. */
  product(quantityMilli: number, priceMinor: number, pointer: string): number {
    const amountMinor = lineAmount(quantityMilli, priceMinor);
    if (amountMinor < maximumAmountMinor) return amountMinor;
    this.problem(pointer, 'out_of_range', 'quantity × price is out of range');
    return 0;
  }

  /** What the lines add up to; undefined (and a problem) where that is too much. */
  sum(lines: readonly Line[], pointer: string): number | undefined {
    const sum = lines.reduce((total, line) => total + line.amountMinor, 0);
    if (Number.isSafeInteger(sum) && sum < maximumSumMinor) return sum;
    this.problem(pointer, 'out_of_range', 'the lines add up to too much');
    return undefined;
  }

  /** `what` differs by `differenceMinor`: a flag, or a problem where totals are strict. */
  compareTotal(differenceMinor: number, pointer: string, what: (difference: string) => string): void {
    if (differenceMinor === 0) return;
    const message = what(this.shown(differenceMinor));
    if (this.context.config.strictTotals && this.context.accepted !== true)
      this.problem(pointer, 'total_mismatch', message);
    else this.flag('total_mismatch', message);
  }

  /** Minor units as people write them: 275 is `2.75`. */
  shown(amountMinor: number): string {
    return (amountMinor / 10 ** this.digits).toFixed(this.digits);
  }

  flag(code: string, message: string): void {
    this.flags.push({ code, message });
  }

  problem(pointer: string, code: string, message: string): void {
    if (this.problems.length >= maximumProblems) return;
    const whole = this.list === undefined ? pointer : `${this.list}/${this.index}${pointer}`;
    this.problems.push({ pointer: whole, code, message });
  }

  private numberProblem(pointer: string, code: NumberTrouble, decimals: string): void {
    const messages = {
      not_a_number: 'is not a decimal number',
      out_of_range: 'is out of range',
      too_many_decimals: decimals,
    };
    this.problem(pointer, code, messages[code]);
  }
}
