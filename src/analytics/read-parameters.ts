import { CodedError, type Problem } from '../base/errors.ts';
import { epochDay, parseTimestamp } from '../base/time.ts';

/** One parameter of a query string: left out, once, or repeated. */
export type Parameter = string | string[] | undefined;

/** What stands for an open end in the marts; an answer shows null. */
export const earliest = '1900-01-01';
export const latest = '2999-12-31';

/** Reads a query string and gathers everything that is wrong with it, so that one answer names it all. */
export class ParameterReader {
  private readonly errors: Problem[] = [];

  wrong(name: string, code: string, message: string): void {
    this.errors.push({ pointer: `/query/${name}`, code, message });
  }

  /** Throws `invalid_parameters` (422) where anything was wrong. */
  check(): void {
    if (this.errors.length === 0) return;
    const text = this.errors.map((one) => `${one.pointer} ${one.message}`).join('; ');
    throw new CodedError('invalid_parameters', text, { errors: this.errors });
  }

  /** Comma separated or repeated, each value once; one that holds a comma stands in double quotes. */
  list(name: string, value: Parameter): string[] | undefined {
    if (value === undefined) return undefined;
    const values = [value].flat().flatMap(splitValues);
    if (values.includes('')) this.wrong(name, 'empty', 'has an empty value; leave it out to ask for all');
    if (values.some((one) => one.includes('\0'))) this.wrong(name, 'invalid_value', 'has a NUL character');
    return [...new Set(values)];
  }

  /** The same where only some values are known. */
  choices<T extends string>(name: string, value: Parameter, known: readonly T[]): T[] | undefined {
    const values = this.list(name, value);
    const unknown = values?.filter((one) => !(known as readonly string[]).includes(one)) ?? [];
    if (unknown.length > 0)
      this.wrong(name, 'unknown_value', `${unknown.join(', ')}: choose from ${known.join(', ')}`);
    return values as T[] | undefined;
  }

  /** One of the known values. */
  choice<T extends string>(name: string, value: string | undefined, known: readonly T[]): T | undefined {
    if (value === undefined || (known as readonly string[]).includes(value)) return value as T | undefined;
    this.wrong(name, 'unknown_value', `is one of ${known.join(', ')}`);
    return undefined;
  }

  /** Two business dates, both included, open where not given. */
  range(parameters: { from?: string; to?: string }): { from: string; to: string } {
    const from = this.date('from', parameters.from) ?? earliest;
    const to = this.date('to', parameters.to) ?? latest;
    if (from > to) this.wrong('from', 'out_of_range', 'is after to');
    return { from, to };
  }

  /** RFC 3339, with its zone. */
  instant(name: string, text: string | undefined): Date | undefined {
    if (text === undefined) return undefined;
    const time = parseTimestamp(text);
    const at = new Date(time?.offset === undefined ? Number.NaN : text.replace(' ', 'T'));
    if (!Number.isNaN(at.getTime())) return at;
    this.wrong(name, 'invalid_time', 'is not a time with its zone, such as 2015-01-31T14:00:00Z');
    return undefined;
  }

  /** A business date that has to be given; '' where it is wrong. */
  requiredDate(name: string, text: string | undefined): string {
    if (text === undefined) this.wrong(name, 'missing', 'is required: the business date');
    return this.date(name, text) ?? '';
  }

  private date(name: string, text: string | undefined): string | undefined {
    if (text === undefined) return undefined;
    if (isDate(text) && text >= earliest && text <= latest) return text;
    this.wrong(name, 'invalid_date', `is not a date such as 2015-01-31, from ${earliest} to ${latest}`);
    return undefined;
  }
}

/** Whether a text is a day of the calendar, `2015-01-31`. */
export function isDate(text: string): boolean {
  if (!/^[1-9]\d{3}-\d\d-\d\d$/.test(text) || Number.isNaN(epochDay(text))) return false;
  return new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);
}

function splitValues(text: string): string[] {
  const one = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/y;
  const values: string[] = [];
  for (;;) {
    const [, quoted, plain, end] = one.exec(text)!;
    values.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === '') return values;
  }
}

/** A token bound to a place asks for that place alone; naming another is refused (403). */
export function limitPlaces(
  asked: string[] | undefined,
  boundPlaceId: string | undefined,
): string[] | undefined {
  if (boundPlaceId === undefined) return asked;
  if (asked?.some((place) => place !== boundPlaceId))
    throw new CodedError('foreign_place', `the token is bound to the place ${boundPlaceId}`);
  return [boundPlaceId];
}
