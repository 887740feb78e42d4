import { Type } from 'typebox';
import { oneOf } from '../http/one-of.ts';

const nullable = (text: ReturnType<typeof Type.String>) => Type.Union([text, Type.Null()]);
const Problem = Type.Object({ pointer: Type.String(), code: Type.String(), message: Type.String() });

const exampleMapping = {
  source: 'receipt',
  group_by: 'receipt',
  receipt: {
    transaction_id: { column: 'receipt' },
    timestamp: { column: 'at', date: 'DD.MM.YYYY HH:mm' },
    total_amount: { sum: 'items' },
    nds_amount: { const: 0 },
    payment_method: { const: 'unknown' },
  },
  items: {
    product_id: { column: 'sku' },
    quantity: { column: 'qty' },
    price: { column: 'price', decimal: ',' },
    category: { const: 'unknown' },
  },
};

export const Form = Type.Object(
  {
    file: Type.String({ format: 'binary', description: 'the part of the file, beginning with its head' }),
    last: Type.Optional(Type.String({ description: 'true: the file ends with this part' })),
    mapping: Type.Optional(Type.String({ description: 'for CSV, as JSON; see docs/import.md' })),
    lookup: Type.Optional(
      Type.Array(Type.String({ format: 'binary' }), {
        description: 'the files that the mapping looks things up in, by their file names',
      }),
    ),
    format: Type.Optional(
      Type.String({ description: 'csv, ndjson or array; found out where it is left out' }),
    ),
    source: Type.Optional(
      Type.String({
        description: 'receipt, transaction or order, of every document; found out by their members',
      }),
    ),
    place_id: Type.Optional(Type.String({ description: 'of documents that name none' })),
    line: Type.Optional(
      Type.String({ description: 'of the file, at which the part goes on after the head' }),
    ),
  },
  { examples: [{ file: 'receipt;at;sku;qty;price\nr-1;07.02.2024 12:34;a;1;10,99\n', last: 'true' }] },
);

const exampleDocument = { transaction_id: 'r-1', total_amount: 10.99 };

export const Preview = Type.Object(
  {
    kind: oneOf(
      ['csv', 'ndjson', 'array', 'daily', 'reference'],
      'daily is for /api/daily-sales/, reference for /api/imports/reference',
    ),
    guessed: Type.Boolean({ description: 'the mapping was suggested here' }),
    mapping: Type.Unknown({ description: 'of a CSV file' }),
    mapping_errors: Type.Array(Type.String(), {
      description: 'what is wrong with it; then there are no documents',
    }),
    columns: Type.Array(
      Type.Object({
        name: Type.String({ description: 'those of other files as look-up.column' }),
        samples: Type.Array(Type.String()),
      }),
    ),
    head_bytes: Type.Integer({ description: 'how many bytes of the file every part begins with' }),
    documents: Type.Array(
      Type.Object({
        line: Type.Integer(),
        document: Type.Unknown({ description: 'the text of the file where it makes no document' }),
        problems: Type.Array(Problem),
        remarks: Type.Array(Problem),
      }),
    ),
  },
  {
    examples: [
      {
        ...{ kind: 'csv', guessed: true, mapping: exampleMapping, mapping_errors: [], head_bytes: 25 },
        columns: [{ name: 'receipt', samples: ['r-1'] }],
        documents: [{ line: 2, document: exampleDocument, problems: [], remarks: [] }],
      },
    ],
  },
);

export const Loaded = Type.Object(
  {
    head_bytes: Type.Integer(),
    done_bytes: Type.Integer({ description: 'of the part, head included; what is after them is sent again' }),
    next_line: Type.Integer(),
    documents: Type.Integer(),
    verdicts: Type.Record(Type.String(), Type.Integer()),
    troubles: Type.Array(
      Type.Object({
        line: Type.Integer(),
        rows: Type.Integer({ description: 'how many of the file the document was made from' }),
        transaction_id: nullable(Type.String()),
        verdict: oneOf(['rejected', 'conflict']),
        position: Type.String({ description: 'in the journal' }),
        errors: Type.Array(Problem),
      }),
    ),
  },
  {
    examples: [
      {
        ...{ head_bytes: 25, done_bytes: 1_048_102, next_line: 20_311, documents: 2_000 },
        verdicts: { accepted: 1_999, rejected: 1 },
        troubles: [
          {
            ...{ line: 17, rows: 1, transaction_id: 'r-9', verdict: 'rejected', position: '42' },
            errors: [
              { pointer: '/items/0/quantity', code: 'not_mapped', message: '"1x" is not a whole number' },
            ],
          },
        ],
      },
    ],
  },
);

export const Written = Type.Object({
  group_by: Type.String({ minLength: 1, description: 'the column that tells receipts apart' }),
  encoding: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: ['utf-8', 'latin1', 'windows-1251'] })),
  delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1 })),
});

export const Checked = Type.Object({ together: Type.Boolean() }, { examples: [{ together: true }] });

export const Reference = Type.Object(
  {
    user: Type.Integer(),
    restaurant: Type.Integer(),
    changed: Type.Integer({ description: 'of these; the others said what was known already' }),
    rejected: Type.Integer(),
    troubles: Type.Array(Type.Object({ line: Type.Integer(), reason: Type.String() }), { maxItems: 1000 }),
  },
  { examples: [{ user: 1, restaurant: 0, changed: 1, rejected: 0, troubles: [] }] },
);
