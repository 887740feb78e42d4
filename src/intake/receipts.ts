import type { Problem } from '../base/errors.ts';
import {
  currencyDigits,
  isCurrency,
  lineAmount,
  type NumberTrouble,
  parseAmount,
  parseQuantity,
} from '../base/money.ts';
import { type LocalTime, parseTimestamp, resolveTime } from '../base/time.ts';
import { maximumLines, type Receipt, receiptValidator } from '../sales/receipt.ts';
import type { Arrival, Flag, Incoming, Line, Sale } from '../sales/sale.ts';
import type { ParseContext } from './parse-document.ts';
import { readJson } from './read-json.ts';
import { maximumProblems, problemsOf } from './schema-problems.ts';

/** Revisions are compared as text, so they are written with leading zeros. */
export function encodeRevision(revision: number): string {
  return String(revision).padStart(10, '0');
}

/** A receipt's bytes as a sale, or rejected with every problem that was found. */
export function parseReceipt(arrival: Arrival, context: ParseContext): Incoming {
  const read = readJson(arrival.body);
  if (read.problems !== undefined) return reject(arrival, read.value, read.problems);
  if (!receiptValidator.Check(read.value)) return reject(arrival, read.value, shapeProblems(read.value));
  const reader = new ReceiptReader(arrival, read.value, context);
  const sale = reader.sale();
  if (reader.problems.length > 0) return reject(arrival, read.value, reader.problems);
  return { ...arrival, sale };
}

/** Too many lines are told alone: to look at each of half a million of them would hold everyone else up. */
function shapeProblems(value: unknown): Problem[] {
  const items = (value as { items?: unknown } | null)?.items;
  if (Array.isArray(items) && items.length > maximumLines) {
    const message = `${items.length} lines; a receipt has at most ${maximumLines}`;
    return [{ pointer: '/items', code: 'too_many_lines', message }];
  }
  return problemsOf([...receiptValidator.Errors(value)]);
}

function reject(arrival: Arrival, value: unknown, problems: Problem[]): Incoming {
  const members = (value !== null && typeof value === 'object' ? value : {}) as Record<string, unknown>;
  const usable = (text: unknown): text is string =>
    typeof text === 'string' &&
    text.length > 0 &&
    text.length <= 256 &&
    text.isWellFormed() &&
    !text.includes(String.fromCharCode(0));
  const nested = (members.place as Record<string, unknown> | undefined | null)?.place_id;
  const placeId = usable(members.place_id) ? members.place_id : usable(nested) ? nested : undefined;
  return {
    ...arrival,
    verdict: 'rejected',
    problems,
    ...(usable(members.transaction_id) ? { sourceId: members.transaction_id } : {}),
    ...(placeId === undefined ? {} : { placeId }),
  };
}

/** Reads one receipt whose shape is right; what its values have wrong is collected in `problems`. */
class ReceiptReader {
  readonly problems: Problem[] = [];
  private readonly flags: Flag[] = [];
  private readonly arrival: Arrival;
  private readonly receipt: Receipt;
  private readonly context: ParseContext;
  private currency = '';
  private digits = 2;

  constructor(arrival: Arrival, receipt: Receipt, context: ParseContext) {
    this.arrival = arrival;
    this.receipt = receipt;
    this.context = context;
  }

  sale(): Sale {
    const { receipt, arrival } = this;
    const placeId = this.placeId();
    const time = this.time(placeId);
    this.currency = this.currencyOf(placeId, time);
    this.digits = currencyDigits(this.currency);
    const lines = receipt.items.map((item, index) => this.line(item, index));
    const totalMinor = this.amount(receipt.total_amount, '/total_amount');
    const ndsMinor = this.amount(receipt.nds_amount, '/nds_amount');
    const tipsMinor = this.amount(receipt.tips_amount ?? 0, '/tips_amount');
    const discountMinor = this.amount(receipt.discount_amount ?? 0, '/discount_amount');
    if (this.problems.length === 0) this.compareTotal(lines, discountMinor, totalMinor);
    const placeName = receipt.place_name ?? receipt.place?.place_name;
    return {
      source: 'receipt',
      sourceId: receipt.transaction_id,
      version: encodeRevision(receipt.revision ?? 0),
      status: 'closed',
      kind: receipt.type ?? 'sale',
      placeId: placeId ?? arrival.resolved.placeId,
      time,
      currency: this.currency,
      paymentMethod: receipt.payment_method,
      totalMinor,
      ndsMinor,
      tipsMinor,
      discountMinor,
      lines,
      flags: this.flags,
      ...(placeName === undefined ? {} : { placeName }),
      ...(receipt.customer_id === undefined ? {} : { customerId: receipt.customer_id }),
      ...(receipt.customer_name === undefined ? {} : { customerName: receipt.customer_name }),
      ...(receipt.original_transaction_id === undefined
        ? {}
        : { originalId: receipt.original_transaction_id }),
    };
  }

  private placeId(): string {
    const { receipt, arrival } = this;
    const placeId = receipt.place_id ?? receipt.place?.place_id ?? arrival.resolved.placeId;
    if (arrival.boundPlaceId !== undefined && placeId !== arrival.boundPlaceId) {
      const nested = receipt.place_id === undefined && receipt.place?.place_id !== undefined;
      const pointer = nested ? '/place/place_id' : '/place_id';
      this.problem(pointer, 'foreign_place', `the token is bound to the place ${arrival.boundPlaceId}`);
    }
    return placeId;
  }

  private time(placeId: string): LocalTime {
    const { receipt, arrival, context } = this;
    const time = parseTimestamp(receipt.timestamp);
    if (time === null) {
      this.problem(
        '/timestamp',
        'invalid_timestamp',
        `"${receipt.timestamp}" is not an ISO 8601 date and time that exists`,
      );
      return { local: '2000-01-01T00:00:00' };
    }
    const settings = context.current.placeSettings(placeId, time, arrival.resolved.timeZone);
    const resolved = resolveTime(time, settings.timeZone, settings.businessDayStart);
    if (resolved.flag !== undefined) {
      const message =
        resolved.flag === 'dst_gap'
          ? 'the clocks skipped this time'
          : 'the clocks showed this time twice; the first was taken';
      this.flags.push({ code: resolved.flag, message });
    }
    if (context.accepted === true) return time;
    const { maximumFutureHours, minimumDate } = context.config;
    if (resolved.epochMs > arrival.receivedAtMs + maximumFutureHours * 3_600_000) {
      this.problem(
        '/timestamp',
        'timestamp_out_of_range',
        `more than ${maximumFutureHours} hours after its arrival`,
      );
    } else if (resolved.local < minimumDate)
      this.problem('/timestamp', 'timestamp_out_of_range', `before ${minimumDate}`);
    return time;
  }

  private currencyOf(placeId: string, time: LocalTime): string {
    const { receipt, arrival, context } = this;
    const given = receipt.currency;
    if (given !== undefined) {
      if (!isCurrency(given))
        this.problem(
          '/currency',
          'unknown_currency',
          `"${given}" is not an ISO 4217 currency such as RUB or EUR`,
        );
      return given;
    }
    return (
      context.current.placeCurrency(placeId, time, arrival.resolved.timeZone) ?? arrival.resolved.currency
    );
  }

  private line(item: Receipt['items'][number], index: number): Line {
    const at = `/items/${index}`;
    const quantityMilli = this.quantity(item.quantity, `${at}/quantity`);
    const priceMinor = this.amount(item.price, `${at}/price`);
    let amountMinor =
      item.amount === undefined
        ? lineAmount(quantityMilli, priceMinor)
        : this.amount(item.amount, `${at}/amount`);
    if (amountMinor >= 10 ** 12) {
      this.problem(`${at}/quantity`, 'out_of_range', 'quantity × price is out of range');
      amountMinor = 0;
    }
    return {
      productId: item.product_id,
      category: item.category,
      quantityMilli,
      priceMinor,
      amountMinor,
      ...(item.name === undefined ? {} : { name: item.name }),
    };
  }

  private quantity(value: number | string, pointer: string): number {
    const parsed = parseQuantity(value);
    if (typeof parsed === 'string') this.numberProblem(pointer, parsed, 'a quantity has at most 3 decimals');
    else if (parsed <= 0) this.problem(pointer, 'not_positive', 'must be over 0');
    else return parsed;
    return 0;
  }

  private amount(value: number | string, pointer: string): number {
    const parsed = parseAmount(value, this.digits);
    if (typeof parsed === 'string')
      this.numberProblem(pointer, parsed, `${this.currency} has ${this.digits} decimals`);
    else if (parsed < 0)
      this.problem(
        pointer,
        'negative',
        'must not be under 0; a refund is a receipt of type "refund" with positive amounts',
      );
    else return parsed;
    return 0;
  }

  private compareTotal(lines: Line[], discountMinor: number, totalMinor: number): void {
    const sum = lines.reduce((total, line) => total + line.amountMinor, 0);
    if (!Number.isSafeInteger(sum) || sum >= 10 ** 15) {
      this.problem('/items', 'out_of_range', 'the lines add up to too much');
      return;
    }
    const difference = totalMinor - (sum - discountMinor);
    if (difference === 0) return;
    const shown = (difference / 10 ** this.digits).toFixed(this.digits);
    const message = `total_amount differs by ${shown} from the lines less the discount`;
    if (this.context.config.strictTotals && this.context.accepted !== true)
      this.problem('/total_amount', 'total_mismatch', message);
    else this.flags.push({ code: 'total_mismatch', message });
  }

  private numberProblem(pointer: string, code: NumberTrouble, decimals: string): void {
    const messages = {
      not_a_number: 'is not a decimal number',
      out_of_range: 'is out of range',
      too_many_decimals: decimals,
    };
    this.problem(pointer, code, messages[code]);
  }

  private problem(pointer: string, code: string, message: string): void {
    if (this.problems.length < maximumProblems) this.problems.push({ pointer, code, message });
  }
}
