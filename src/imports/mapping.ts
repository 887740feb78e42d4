import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CodedError } from '../base/errors.ts';
import { Receipt } from '../sales/receipt.ts';
import { Transaction } from '../sales/transaction.ts';
import { dateTrouble } from './read-value.ts';

const Encoding = Type.Unsafe<'utf-8' | 'latin1' | 'windows-1251'>({
  type: 'string',
  enum: ['utf-8', 'latin1', 'windows-1251'],
});
const Delimiter = Type.String({ pattern: '^[^"\\r\\n\\u0080-\\uffff]$' });

/** Where a field comes from (exactly one of `column`, `const`, `format`, `sum`) and how it is written there. */
const Field = Type.Object(
  {
    column: Type.Optional(Type.String({ minLength: 1, description: 'a column, or `lookup.column`' })),
    const: Type.Optional(Type.Unknown({ description: 'the same value in every document' })),
    format: Type.Optional(Type.String({ minLength: 1, description: 'text with {column} in it' })),
    sum: Type.Optional(Type.Literal('items', { description: 'of the items, less discount_amount' })),
    decimal: Type.Optional(
      Type.Unsafe<',' | '.'>({
        type: 'string',
        enum: [',', '.'],
        description: 'the mark before the decimals',
      }),
    ),
    date: Type.Optional(Type.String({ minLength: 1, description: 'DD.MM.YYYY HH:mm:ss' })),
    integer: Type.Optional(Type.Literal(true, { description: 'a JSON number, as `revision` has to be' })),
  },
  { additionalProperties: false },
);
export type Field = Static<typeof Field>;

const Lookup = Type.Object(
  {
    file: Type.String({ minLength: 1, description: 'beside the mapping file' }),
    key: Type.String({ minLength: 1, description: 'its column that is looked for' }),
    by: Type.Optional(Type.String({ minLength: 1, description: 'our column with the key; the same name' })),
    encoding: Type.Optional(Encoding),
    delimiter: Type.Optional(Delimiter),
  },
  { additionalProperties: false },
);

const Mapping = Type.Object(
  {
    source: Type.Unsafe<'receipt' | 'transaction'>({ type: 'string', enum: ['receipt', 'transaction'] }),
    encoding: Type.Optional(Encoding),
    delimiter: Type.Optional(Delimiter),
    group_by: Type.Optional(Type.String({ description: 'rows with the same value are one receipt' })),
    sorted: Type.Optional(Type.Boolean({ description: 'false: rows of one receipt do not stand together' })),
    lookup: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z_][\\w-]*$' }), Lookup)),
    receipt: Type.Optional(Type.Record(Type.String(), Field)),
    items: Type.Optional(Type.Record(Type.String(), Field)),
    transaction: Type.Optional(Type.Record(Type.String(), Field)),
  },
  { additionalProperties: false },
);
export type Mapping = Static<typeof Mapping>;

/** The fields of a document and, where it has them, of its items: one a row. */
export function fieldsOf(mapping: Mapping): {
  document: Record<string, Field>;
  items: Record<string, Field> | undefined;
} {
  return { document: mapping[mapping.source] ?? {}, items: mapping.items };
}

const validator = Compile(Mapping);

/** Everything that is wrong with a mapping; where that is nothing, it is a `Mapping`. */
export function mappingTroubles(value: unknown): string[] {
  return validator.Check(value) ? troublesOf(value) : shapeTroubles(value);
}

/** Reads and checks a mapping file; the error names everything that is wrong with it. */
export function readMapping(file: string): Mapping {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CodedError('import_failed', `the mapping ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const troubles = mappingTroubles(value);
  if (troubles.length > 0)
    throw new CodedError(
      'import_failed',
      `the mapping ${file} is not right; docs/import.md tells how to write one:\n  ${troubles.join('\n  ')}`,
    );
  return value as Mapping;
}

function shapeTroubles(value: unknown): string[] {
  const lines = [...validator.Errors(value)].map((error) => {
    const params = error.params as { allowedValues?: unknown[]; additionalProperties?: string[] };
    const unknown = params.additionalProperties?.join(', ');
    const allowed = params.allowedValues?.join(', ');
    if (unknown !== undefined)
      return `${error.instancePath || '/'} has ${unknown}, which means nothing there`;
    return `${error.instancePath || '/'} ${error.message}${allowed === undefined ? '' : `: ${allowed}`}`;
  });
  return [...new Set(lines)];
}

const item = Receipt.properties.items.items;
const neededFields: Record<Mapping['source'], Partial<Record<Part, readonly string[]>>> = {
  receipt: { receipt: Receipt.required.filter((name) => name !== 'items'), items: item.required },
  transaction: { transaction: Transaction.required },
};
const parts = ['receipt', 'items', 'transaction'] as const;
type Part = (typeof parts)[number];

function troublesOf(mapping: Mapping): string[] {
  const { source } = mapping;
  const troubles: string[] = [];
  for (const part of parts) {
    const needed = neededFields[source][part];
    const fields = mapping[part];
    if (needed === undefined) {
      if (fields !== undefined) troubles.push(`/${part} is of no use where source is ${source}`);
      continue;
    }
    if (fields === undefined) {
      troubles.push(`/ has no ${part}, which a mapping of source ${source} needs`);
      continue;
    }
    for (const name of needed)
      if (!Object.hasOwn(fields, name))
        troubles.push(
          `/${part} gives no ${name}, which every ${source} needs; {"const": …} gives it a fixed value`,
        );
    for (const [name, field] of Object.entries(fields))
      troubles.push(...fieldTroubles(`/${part}/${name}`, field, part !== 'receipt'));
  }
  if (Object.hasOwn(mapping.receipt ?? {}, 'items')) troubles.push('/receipt/items belongs under /items');
  if (source === 'transaction' && mapping.group_by !== undefined)
    troubles.push('/group_by is of no use where each row is a transaction');
  if (mapping.sorted === false && mapping.group_by === undefined)
    troubles.push('/sorted is of use only with group_by');
  return troubles;
}

function fieldTroubles(pointer: string, field: Field, hasNoItems: boolean): string[] {
  const troubles: string[] = [];
  const ways = (['column', 'const', 'format', 'sum'] as const).filter((way) => field[way] !== undefined);
  if (ways.length !== 1) troubles.push(`${pointer} needs exactly one of column, const, format, sum`);
  if (field.sum !== undefined && hasNoItems) troubles.push(`${pointer} has no items to sum`);
  const forms = (['decimal', 'date', 'integer'] as const).filter((form) => field[form] !== undefined);
  if (forms.length > 1) troubles.push(`${pointer} takes only one of decimal, date, integer`);
  if (forms.length > 0 && field.column === undefined && field.format === undefined)
    troubles.push(`${pointer}: ${forms[0]} is of use only with column or format`);
  const wrongDate = field.date === undefined ? undefined : dateTrouble(field.date);
  if (wrongDate !== undefined) troubles.push(`${pointer}/date ${wrongDate}`);
  return troubles;
}
