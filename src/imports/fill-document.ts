import { CodedError } from '../base/errors.ts';
import { currencyDigits, lineAmount, parseAmount, parseQuantity } from '../base/money.ts';
import type { Lookup } from './lookups.ts';
import { type Field, fieldsOf, type Mapping } from './mapping.ts';
import { dateReader, decimalReader, type FieldTrouble, RowTrouble, readInteger } from './read-value.ts';

/** One row, and what was looked up for it so far. */
type Row = { cells: readonly string[]; found: Map<string, string[]> };
type Read = (row: Row) => string;
type Fill = (row: Row) => unknown;

/** Makes the document of the rows that belong to it; a `RowTrouble` where a field cannot be filled. */
export type DocumentMaker = (rows: readonly (readonly string[])[]) => Buffer;

/**
 * Turns a mapping into a function over rows. A column that is nowhere is the mapping's error
 * (`import_failed`), found before the first row; a key that is not in a lookup is a row's.
 */
export function createDocumentMaker(options: {
  mapping: Mapping;
  header: readonly string[];
  lookups: ReadonlyMap<string, Lookup>;
  defaultCurrency: string;
}): DocumentMaker {
  const { mapping } = options;
  const columns = new ColumnReader(options.header, mapping, options.lookups);
  const compile = (fields: Record<string, Field>) =>
    Object.entries(fields).map(([name, field]) => [name, compileField(field, columns)] as const);
  const fields = fieldsOf(mapping);
  const documentFields = compile(fields.document);
  const itemFields = fields.items === undefined ? undefined : compile(fields.items);
  const summed = Object.keys(fields.document).filter((name) => fields.document[name]!.sum !== undefined);
  return (rows) => {
    const wide = rows.map((cells) => ({ cells, found: new Map<string, string[]>() }));
    const troubles: FieldTrouble[] = [];
    const document = fillAll(documentFields, wide[0]!, '', troubles);
    const items =
      itemFields && wide.map((row, index) => fillAll(itemFields, row, `/items/${index}`, troubles));
    if (items !== undefined) {
      for (const name of troubles.length > 0 ? [] : summed)
        attempt(`/${name}`, troubles, () => {
          document[name] = sumOf(items, document, options.defaultCurrency);
        });
      document.items = items;
    }
    if (troubles.length === 0) return Buffer.from(JSON.stringify(document));
    for (const name of summed) if (document[name] === null) delete document[name];
    const messages = new Set(troubles.map(({ message }) => message));
    throw new RowTrouble([...messages].join('; '), {
      fields: troubles,
      draft: Buffer.from(JSON.stringify(document)),
    });
  };
}

/** A field whose column is empty is left out; the members stand in the mapping's order. */
function fillAll(
  fields: readonly (readonly [string, Fill])[],
  row: Row,
  at: string,
  troubles: FieldTrouble[],
): Record<string, unknown> {
  const filled: [string, unknown][] = [];
  for (const [name, fill] of fields) {
    attempt(`${at}/${name}`, troubles, () => {
      const value = fill(row);
      if (value !== undefined) filled.push([name, value]);
    });
    const last = troubles.at(-1);
    if (last?.pointer === `${at}/${name}` && last.text !== undefined) filled.push([name, last.text]);
  }
  return Object.fromEntries(filled);
}

/** Notes what is wrong with a field and goes on, so that all of a document's troubles are told at once. */
function attempt(pointer: string, troubles: FieldTrouble[], work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof RowTrouble)) throw error;
    const { message, text, fields } = error;
    if (fields.length > 0) {
      troubles.push(...fields);
      return;
    }
    troubles.push({ pointer, message, ...(text === undefined ? {} : { text }) });
  }
}

function compileField(field: Field, columns: ColumnReader): Fill {
  if (field.const !== undefined) return () => field.const;
  // A place for the sum, which is known when everything else is.
  if (field.sum !== undefined) return () => null;
  const read = field.format === undefined ? columns.reader(field.column!) : template(field.format, columns);
  const convert = converter(field);
  return (row) => {
    const text = read(row);
    return text.trim() === '' ? undefined : convert(text);
  };
}

function converter(field: Field): (text: string) => unknown {
  if (field.date !== undefined) return dateReader(field.date);
  if (field.decimal !== undefined) return decimalReader(field.decimal);
  if (field.integer === true) return readInteger;
  return (text) => text;
}

function template(format: string, columns: ColumnReader): Read {
  const pieces = format.split(/\{([^{}]+)\}/);
  const reads = pieces.map((piece, index) => (index % 2 === 1 ? columns.reader(piece) : () => piece));
  return (row) => {
    let text = '';
    for (const read of reads) text += read(row);
    return text;
  };
}

class ColumnReader {
  private readonly header: readonly string[];
  private readonly lookups: ReadonlyMap<string, Lookup>;
  private readonly keys = new Map<string, Read>();

  constructor(header: readonly string[], mapping: Mapping, lookups: ReadonlyMap<string, Lookup>) {
    this.header = header;
    this.lookups = lookups;
    // In the mapping's order, so that a lookup goes by a column of the file or of a lookup before it.
    for (const [name, lookup] of Object.entries(mapping.lookup ?? {}))
      this.keys.set(name, this.reader(lookup.by ?? lookup.key));
  }

  reader(name: string): Read {
    const index = this.header.indexOf(name);
    if (index >= 0) {
      if (this.header.includes(name, index + 1)) throw wrong(`the file has two columns ${name}`);
      return (row) => row.cells[index]!;
    }
    const dot = name.indexOf('.');
    const lookupName = name.slice(0, Math.max(dot, 0));
    const lookup = this.lookups.get(lookupName);
    if (lookup === undefined)
      throw wrong(`there is no column ${name}; the file has ${this.header.join(', ')}`);
    const by = this.keys.get(lookupName);
    if (by === undefined)
      throw wrong(`the lookup ${lookupName} has to stand before the one that uses ${name}`);
    const column = lookup.columns.indexOf(name.slice(dot + 1));
    if (column < 0) throw wrong(`${lookup.file} has no column ${name.slice(dot + 1)}`);
    return (row) => (row.found.get(lookupName) ?? find(row, lookupName, lookup, by))[column]!;
  }
}

function find(row: Row, name: string, lookup: Lookup, by: Read): string[] {
  const key = by(row);
  const found = lookup.find(key);
  if (found === undefined) throw new RowTrouble(`${lookup.file} has no ${lookup.key} "${key}"`);
  row.found.set(name, found);
  return found;
}

function wrong(message: string): CodedError {
  return new CodedError('import_failed', `the mapping does not fit the file: ${message}`);
}

/** The exact sum of the items less the discount, in the currency's decimals, as the till would have written it. */
function sumOf(
  items: readonly Record<string, unknown>[],
  document: Record<string, unknown>,
  defaultCurrency: string,
): number {
  const currency = typeof document.currency === 'string' ? document.currency : defaultCurrency;
  const digits = currencyDigits(currency);
  const refuse = (what: string, value: unknown, trouble: string, at: string): RowTrouble => {
    const message = `the items cannot be summed: ${what} "${String(value)}" is ${trouble.replaceAll('_', ' ')}`;
    return new RowTrouble(message, { fields: [{ pointer: `${at}/${what}`, message }] });
  };
  const amount = (value: unknown, what: string, at: string): number => {
    const read = parseAmount(value as string, digits);
    if (typeof read === 'number') return read;
    throw refuse(what, value, read, at);
  };
  let sum = 0;
  for (const [index, item] of items.entries()) {
    const at = `/items/${index}`;
    if (item.amount !== undefined) sum += amount(item.amount, 'amount', at);
    else {
      const quantity = parseQuantity((item.quantity ?? '') as string);
      if (typeof quantity !== 'number') throw refuse('quantity', item.quantity ?? '', quantity, at);
      sum += lineAmount(quantity, amount(item.price ?? '', 'price', at));
    }
  }
  if (document.discount_amount !== undefined) sum -= amount(document.discount_amount, 'discount_amount', '');
  return sum / 10 ** digits;
}
