import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CodedError } from '../base/errors.ts';

const Encoding = Type.Unsafe<'utf-8' | 'latin1' | 'windows-1251'>({
  type: 'string',
  enum: ['utf-8', 'latin1', 'windows-1251'],
});

/** Where a field comes from: exactly one of the four. */
const Field = Type.Object(
  {
    column: Type.Optional(Type.String({ description: 'a column, or `lookup.column`' })),
    const: Type.Optional(Type.Unknown()),
    format: Type.Optional(Type.String({ description: 'text with {column} in it' })),
    sum: Type.Optional(Type.Literal('items')),
    decimal: Type.Optional(Type.Literal(',', { description: 'the column writes 12,50' })),
    date: Type.Optional(Type.String({ description: 'how the column writes a time: DD.MM.YYYY HH:mm:ss' })),
  },
  { additionalProperties: false },
);
export type Field = Static<typeof Field>;

const Mapping = Type.Object(
  {
    source: Type.Literal('receipt'),
    encoding: Type.Optional(Encoding),
    delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1 })),
    group_by: Type.Optional(Type.String({ description: 'rows with the same value are one receipt' })),
    sorted: Type.Optional(Type.Boolean({ description: 'false: rows of one receipt do not stand together' })),
    lookup: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object(
          {
            file: Type.String(),
            key: Type.String(),
            by: Type.Optional(Type.String()),
            encoding: Type.Optional(Encoding),
            delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1 })),
          },
          { additionalProperties: false },
        ),
      ),
    ),
    receipt: Type.Record(Type.String(), Field),
    items: Type.Record(Type.String(), Field),
  },
  { additionalProperties: false },
);
export type Mapping = Static<typeof Mapping>;

const validator = Compile(Mapping);

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
  if (!validator.Check(value)) {
    const errors = [...validator.Errors(value)].map(
      (error) => `${error.instancePath || '/'} ${error.message}`,
    );
    throw new CodedError('import_failed', `the mapping ${file} is not right: ${errors.join('; ')}`);
  }
  for (const [part, fields] of [
    ['receipt', value.receipt],
    ['items', value.items],
  ] as const) {
    for (const [name, field] of Object.entries(fields)) {
      const ways = [field.column, field.const, field.format, field.sum].filter(
        (way) => way !== undefined,
      ).length;
      if (ways !== 1)
        throw new CodedError(
          'import_failed',
          `the mapping ${file}: /${part}/${name} needs exactly one of column, const, format, sum`,
        );
    }
  }
  return value;
}
