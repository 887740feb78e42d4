import { Type } from 'typebox';
import type { Principal } from '../auth/roles.ts';
import { CodedError } from '../base/errors.ts';
import type { ReadSide } from '../database/read-side.ts';
import {
  type AnswerForm,
  answeredAs,
  chooseForm,
  fileParameters,
  formParameter,
  sendTable,
} from '../http/answer-form.ts';
import type { App } from '../http/server.ts';
import { limitPlaces, type Parameter, ParameterReader } from './read-parameters.ts';
import { lineColumns, openSaleLines, type SaleLinesQuery } from './sale-lines.ts';
import { allSources, itemisedSources } from './sales-request.ts';

const forms = ['ndjson', 'csv', 'parquet'] as const satisfies readonly AnswerForm[];
/** Each holds a connection and a snapshot for as long as its reader takes. */
const filesAtOnce = 4;
const retryAfterSeconds = 30;

const Several = (description: string) =>
  Type.Optional(
    Type.Union([Type.String(), Type.Array(Type.String())], {
      description: `${description}; repeated or comma separated`,
    }),
  );

const Line = Type.Object(
  {
    business_date: Type.String(),
    sold_at: Type.String(),
    place_id: Type.String(),
    place_name: Type.String(),
    source: Type.String(),
    id: Type.String({ description: 'of the sale, as its source numbers it' }),
    type: Type.String({ description: 'sale or refund' }),
    payment_method: Type.String(),
    line_number: Type.Integer(),
    product_id: Type.String(),
    product_name: Type.String(),
    category: Type.String(),
    quantity: Type.Number(),
    currency: Type.String(),
    price: Type.Number(),
    amount: Type.Number({ description: 'before the discount of the sale' }),
    net_amount: Type.Number({ description: 'negative in a refund: adds up to what was sold' }),
    customer_id: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description: 'only for tokens with the role marketer or admin that are bound to no place',
      }),
    ),
  },
  {
    examples: [
      {
        business_date: '2024-02-07',
        sold_at: '2024-02-07T09:34:56.000Z',
        place_id: 'unique_place_id1',
        place_name: 'Store ABCE',
        source: 'receipt',
        id: 'unique_transaction_id297',
        type: 'sale',
        payment_method: 'credit_card',
        line_number: 1,
        product_id: 'product_id_1',
        product_name: 'product_id_1',
        category: 'groceries',
        quantity: 2,
        currency: 'RUB',
        price: 10.99,
        amount: 21.98,
        net_amount: 21.98,
      },
    ],
  },
);

type Parameters = {
  from?: string;
  to?: string;
  place_id?: Parameter;
  product_id?: Parameter;
  category?: Parameter;
  source?: Parameter;
  format?: string;
  sep?: ',' | ';';
  bom?: string;
};

/** Every line of the sales of a period, as a file. */
export function registerLinesRoutes(app: App, deps: { reads: ReadSide }): void {
  let running = 0;
  app.get('/api/analytics/lines', {
    config: { access: { roles: ['analyst'], bound: 'limited' } },
    schema: {
      summary: 'Every line of the sales of a period; NDJSON, CSV or Parquet, streamed',
      description:
        'The sales that count, in one snapshot, by day, time and sale. The header x-as-of, and as_of in the metadata of ' +
        'a Parquet file, say up to when it is complete: what arrived later may be missing.',
      tags: ['analytics'],
      querystring: Type.Object({
        from: Type.Optional(Type.String({ description: 'first business date; has to be given' })),
        to: Type.Optional(Type.String({ description: 'last business date, included; has to be given' })),
        place_id: Several('only these places'),
        product_id: Several('only these products'),
        category: Several('only these categories'),
        source: Several(`of ${allSources.join(', ')}; ${itemisedSources.join(', ')} where none is given`),
        format: formParameter(forms),
        ...fileParameters,
      }),
      response: { 200: answeredAs(forms, Line) },
    },
    handler: async (request, reply): Promise<never> => {
      const parameters = request.query as Parameters;
      const form = chooseForm(forms, parameters.format, request.headers.accept);
      const query = readRequest(parameters, request.principal);
      if (running >= filesAtOnce)
        throw new CodedError(
          'overloaded',
          `${filesAtOnce} files of sale lines are being read already; try again when one of them has ended`,
          { retryAfterSeconds },
        );
      running++;
      const gone = new AbortController();
      // Comes whether the file was read to its end or its reader went away.
      reply.raw.once('close', () => {
        running--;
        gone.abort();
      });
      const { asOf, pages } = await deps.reads.read((reader) => openSaleLines(reader, query, gone.signal));
      const table = { columns: lineColumns(query.withCustomers), pages };
      return sendTable(reply, form, table, { ...parameters, asOf: asOf.toISOString() }) as never;
    },
  });
}

function readRequest(parameters: Parameters, { roles, placeId }: Principal): SaleLinesQuery {
  const reader = new ParameterReader();
  for (const name of ['from', 'to'] as const)
    if (parameters[name] === undefined)
      reader.wrong(name, 'missing', 'is required: the business dates of the period, both included');
  const range = reader.range(parameters);
  const asked = reader.list('place_id', parameters.place_id);
  const products = reader.list('product_id', parameters.product_id);
  const categories = reader.list('category', parameters.category);
  const sources = reader.choices('source', parameters.source, allSources) ?? itemisedSources;
  reader.check();
  const places = limitPlaces(asked, placeId);
  // The same who may list customers.
  const withCustomers = placeId === undefined && (roles.includes('marketer') || roles.includes('admin'));
  return { ...range, sources, places, products, categories, withCustomers };
}
