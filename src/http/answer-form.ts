import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { CodedError } from '../base/errors.ts';
import { csvChunks } from './csv.ts';
import { type CellRow, parquetChunks, type TableColumn } from './parquet.ts';

const mediaTypes = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
} as const;
export type AnswerForm = keyof typeof mediaTypes;
export type FileForm = Exclude<AnswerForm, 'json'>;

/** The forms of a table that also has an answer in JSON. */
export const tableForms = ['json', 'csv', 'parquet'] as const;

/**
 * The form that the parameter `format` names, or else the header Accept: the first one offered where it names
 * none of them but takes anything. Error `not_acceptable` where it is none of those offered.
 */
export function chooseForm<Form extends AnswerForm>(
  offered: readonly Form[],
  format: string | undefined,
  accept: string | undefined,
): Form {
  if (format !== undefined) {
    const named = offered.find((form) => form === format);
    if (named !== undefined) return named;
  } else {
    const wanted = accept?.toLowerCase() ?? '*/*';
    const named = offered.slice(1).find((form) => wanted.includes(mediaTypes[form]));
    if (named !== undefined) return named;
    if (wanted.includes(mediaTypes[offered[0]!]) || /\*\/\*|\bapplication\/\*/.test(wanted))
      return offered[0]!;
  }
  throw new CodedError(
    'not_acceptable',
    `this is answered as ${offered.map((form) => mediaTypes[form]).join(', ')}; say so in Accept, or with format=${offered.join(' or ')}`,
  );
}

/** Parameters of a route that answers files. */
export const fileParameters = {
  sep: Type.Optional(Type.Union([Type.Literal(','), Type.Literal(';')])),
  bom: Type.Optional(Type.String({ description: '1 puts a byte order mark before the CSV' })),
};
export const formParameter = (offered: readonly AnswerForm[]) =>
  Type.Optional(Type.String({ description: `${offered.join(', ')}; instead of the header Accept` }));

const described = {
  csv: 'RFC 4180, a header and a line a row',
  parquet:
    'money is DECIMAL(18,4) and quantities DECIMAL(18,3) whatever the currency, days are DATE, times TIMESTAMP in UTC',
};

/**
 * The successful answer of a route in every form that it offers, for the description of the API. `schema` is that
 * of the JSON, or of a line of NDJSON.
 */
export function answeredAs(offered: readonly AnswerForm[], schema: TSchema) {
  const contentOf = (form: AnswerForm) =>
    form === 'csv' || form === 'parquet'
      ? { schema: Type.Unsafe({ type: 'string', description: described[form] }) }
      : { schema };
  return {
    description: 'OK',
    content: Object.fromEntries(offered.map((form) => [mediaTypes[form], contentOf(form)])),
  };
}

export type Table = {
  columns: readonly TableColumn[];
  /** Read as they are sent, one after the other. */
  pages: AsyncIterable<Iterable<CellRow>> | Iterable<Iterable<CellRow>>;
};
export type FileOptions = {
  sep?: ',' | ';' | undefined;
  bom?: string | undefined;
  /** Up to when it is complete: a header, and in a Parquet file its metadata too. */
  asOf?: string | undefined;
};

async function* csvOf({ columns, pages }: Table, { sep = ',', bom }: FileOptions): AsyncGenerator<string> {
  const names = columns.map(({ name }) => name);
  yield* csvChunks(names, [], { separator: sep, byteOrderMark: bom === '1' });
  for await (const page of pages) yield* csvChunks([], page, { separator: sep, byteOrderMark: false });
}

async function* ndjsonOf({ columns, pages }: Table): AsyncGenerator<string> {
  for await (const page of pages) {
    let lines = '';
    for (const row of page)
      lines += `${JSON.stringify(Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])))}\n`;
    yield lines;
  }
}

/** Sends a table as a file, of which no more than a page or a row group is in memory. */
export function sendTable(
  reply: FastifyReply,
  form: FileForm,
  table: Table,
  options: FileOptions = {},
): FastifyReply {
  const { asOf } = options;
  if (asOf !== undefined) reply.header('x-as-of', asOf);
  reply.type(form === 'csv' ? 'text/csv; charset=utf-8' : mediaTypes[form]);
  if (form === 'csv') return reply.send(Readable.from(csvOf(table, options)));
  if (form === 'ndjson') return reply.send(Readable.from(ndjsonOf(table)));
  const metadata = asOf === undefined ? {} : { as_of: asOf };
  return reply.send(Readable.from(parquetChunks(table.columns, table.pages, { metadata })));
}
