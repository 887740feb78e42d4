import { createReadStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { TextDecoderStream } from 'node:stream/web';
import { parse } from 'csv-parse';
import { CodedError } from '../base/errors.ts';
import { lineAmount, parseAmount, parseQuantity } from '../base/money.ts';
import type { Field, Mapping } from './mapping.ts';

/** One document of a file, or rows that make none. `lines` are line numbers in the file, `raw` its own text. */
export type Imported = { line: number; raw: string; bytes: number } & (
  | { body: Buffer; trouble?: undefined }
  | { body?: undefined; trouble: string }
);

type Row = Record<string, string>;
type Numbered = { line: number; raw: string; row: Row };
type Lookups = Map<string, Map<string, Row>>;

/** A field that cannot be filled from a row: the row is rejected, the import goes on. */
class RowTrouble extends Error {}

async function* readRows(
  input: AsyncIterable<Buffer>,
  options: { encoding?: string; delimiter?: string },
): AsyncGenerator<Numbered> {
  const label = options.encoding === 'latin1' ? 'iso-8859-1' : (options.encoding ?? 'utf-8');
  const text = Readable.toWeb(Readable.from(input)).pipeThrough(
    new TextDecoderStream(label, { fatal: true }) as never,
  );
  const parser = Readable.fromWeb(text as never).pipe(
    parse({
      columns: true,
      bom: true,
      raw: true,
      info: true,
      delimiter: options.delimiter ?? ',',
      relax_column_count: true,
      skip_empty_lines: true,
    }),
  );
  for await (const entry of parser) {
    const { record, raw, info } = entry as { record: Row; raw: string; info: { lines: number } };
    yield { line: info.lines, raw: raw.replace(/\r?\n$/, ''), row: record };
  }
}

/** The files a mapping looks things up in, held in memory by key. */
export async function readLookups(mapping: Mapping, folder: string): Promise<Lookups> {
  const lookups: Lookups = new Map();
  for (const [name, lookup] of Object.entries(mapping.lookup ?? {})) {
    const file = path.resolve(folder, lookup.file);
    const rows = new Map<string, Row>();
    try {
      for await (const { row } of readRows(createReadStream(file), lookup)) {
        const key = row[lookup.key];
        if (key === undefined) throw new CodedError('import_failed', `${file} has no column ${lookup.key}`);
        rows.set(key, row);
      }
    } catch (error) {
      if (error instanceof CodedError) throw error;
      throw new CodedError('import_failed', `${file}: ${(error as Error).message}`, { cause: error });
    }
    lookups.set(name, rows);
  }
  return lookups;
}

/** Adds `lookup.column` entries to a row; a later lookup may go by a column of an earlier one. */
function widen(row: Row, mapping: Mapping, lookups: Lookups): Row {
  const wide: Row = { ...row };
  for (const [name, lookup] of Object.entries(mapping.lookup ?? {})) {
    const by = lookup.by ?? lookup.key;
    const key = wide[by];
    if (key === undefined) throw new RowTrouble(`there is no column ${by}`);
    const found = lookups.get(name)?.get(key);
    if (found === undefined) throw new RowTrouble(`${lookup.file} has no ${lookup.key} "${key}"`);
    for (const [column, value] of Object.entries(found)) wide[`${name}.${column}`] = value;
  }
  return wide;
}

function column(row: Row, name: string): string {
  const value = row[name];
  if (value === undefined) throw new RowTrouble(`there is no column ${name}`);
  return value;
}

const dateParts: Record<string, string> = {
  YYYY: '(?<year>\\d{4})',
  MM: '(?<month>\\d\\d?)',
  DD: '(?<day>\\d\\d?)',
  HH: '(?<hour>\\d\\d?)',
  mm: '(?<minute>\\d\\d)',
  ss: '(?<second>\\d\\d)',
};

/** A time written some other way, as ISO 8601. */
function isoTime(text: string, pattern: string): string {
  const expression = pattern
    .replace(/[.*+?^$()[\]\\|/]/g, '\\$&')
    .replace(/YYYY|MM|DD|HH|mm|ss/g, (part) => dateParts[part]!);
  const found = new RegExp(`^${expression}$`).exec(text.trim())?.groups;
  if (found === undefined) throw new RowTrouble(`"${text}" is not written as ${pattern}`);
  const two = (value: string | undefined) => (value ?? '0').padStart(2, '0');
  return `${found.year}-${two(found.month)}-${two(found.day)}T${two(found.hour)}:${two(found.minute)}:${two(found.second)}`;
}

function fill(field: Field, row: Row): unknown {
  if (field.const !== undefined) return field.const;
  if (field.format !== undefined)
    return field.format.replace(/\{([^}]+)\}/g, (_, name: string) => column(row, name));
  const value = column(row, field.column!);
  if (field.date !== undefined) return isoTime(value, field.date);
  if (field.decimal === ',') return value.replaceAll(/[\s\u00a0]/g, '').replace(',', '.');
  return value === '' ? undefined : value;
}

/** The exact sum of the lines, in the document's own decimals. */
function sumOfItems(items: readonly Record<string, unknown>[]): number {
  const digits = 2;
  let sum = 0;
  for (const item of items) {
    const quantity = parseQuantity(item.quantity as string);
    const price = parseAmount((item.price ?? 'x') as string, digits);
    if (typeof quantity !== 'number' || typeof price !== 'number')
      throw new RowTrouble('the items cannot be summed: quantity or price is not a number');
    sum += lineAmount(quantity, price);
  }
  return sum / 10 ** digits;
}

function makeDocument(group: readonly Numbered[], mapping: Mapping, lookups: Lookups): Buffer {
  const wide = group.map((entry) => widen(entry.row, mapping, lookups));
  const items = wide.map((row) => {
    const filled = Object.entries(mapping.items).map(([name, field]) => [name, fill(field, row)] as const);
    return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
  });
  const document: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(mapping.receipt)) {
    const value = field.sum === 'items' ? sumOfItems(items) : fill(field, wide[0]!);
    if (value !== undefined) document[name] = value;
  }
  document.items = items;
  return Buffer.from(JSON.stringify(document));
}

function finish(group: readonly Numbered[], mapping: Mapping, lookups: Lookups): Imported {
  const raw = group.map((entry) => entry.raw).join('\n');
  const common = { line: group[0]!.line, raw, bytes: Buffer.byteLength(raw) + group.length };
  try {
    return { ...common, body: makeDocument(group, mapping, lookups) };
  } catch (error) {
    if (!(error instanceof RowTrouble)) throw error;
    return { ...common, trouble: error.message };
  }
}

/** The documents of a CSV file. Rows of one receipt stand together unless the mapping says `sorted: false`. */
export async function* mapRows(
  input: AsyncIterable<Buffer>,
  mapping: Mapping,
  lookups: Lookups,
): AsyncGenerator<Imported> {
  const groupBy = mapping.group_by;
  const rows = readRows(input, mapping as { encoding?: string; delimiter?: string });
  if (groupBy !== undefined && mapping.sorted === false) {
    const groups = new Map<string, Numbered[]>();
    for await (const entry of rows) {
      const key = entry.row[groupBy] ?? '';
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [entry]);
      else group.push(entry);
    }
    for (const group of groups.values()) yield finish(group, mapping, lookups);
    return;
  }
  let group: Numbered[] = [];
  for await (const entry of rows) {
    if (group.length > 0 && (groupBy === undefined || entry.row[groupBy] !== group[0]!.row[groupBy])) {
      yield finish(group, mapping, lookups);
      group = [];
    }
    group.push(entry);
  }
  if (group.length > 0) yield finish(group, mapping, lookups);
}
