import { Type } from 'typebox';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { App } from '../http/server.ts';

const Audit = Type.Object({
  audit_id: Type.Integer(),
  started_at: Type.String(),
  finished_at: Type.String(),
  days: Type.Integer({ description: 'a place and a business date each' }),
  sales: Type.Integer({ description: 'computed afresh from their documents' }),
  waiting_days: Type.Integer({ description: 'touched too, left for the next audit' }),
  complete: Type.Boolean({ description: 'false where there is more wrong than is told one by one' }),
  differences: Type.Array(
    Type.Object({
      table: Type.String(),
      key: Type.String(),
      figure: Type.String(),
      expected: Type.String(),
      found: Type.String(),
    }),
  ),
});
const Page = Type.Object(
  { results: Type.Array(Audit), next_cursor: Type.Union([Type.String(), Type.Null()]) },
  {
    examples: [
      {
        results: [
          {
            audit_id: 42,
            started_at: '2024-02-07T10:05:00.113Z',
            finished_at: '2024-02-07T10:05:01.940Z',
            days: 3,
            sales: 812,
            waiting_days: 0,
            complete: true,
            differences: [
              {
                table: 'cdm.sales_hour',
                key: 'store-1 2024-02-07 2024-02-07 09:00:00+00 receipt credit_card RUB',
                figure: 'sales',
                expected: '2747',
                found: '2700',
              },
            ],
          },
        ],
        next_cursor: null,
      },
    ],
  },
);
const Query = Type.Object({
  differences_only: Type.Optional(Type.Boolean({ description: 'leaves out audits that found nothing' })),
  cursor: Type.Optional(Type.String({ maxLength: 20 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where not given' })),
});
const usualLimit = 100;
const largestId = 2 ** 31 - 1;

const selectAudits = `
  select audit_id, started_at, finished_at, days, sales, waiting_days, complete, differences
  from ops.audit
  where audit_id < $1 and (not $2 or differences <> '[]')
  order by audit_id desc limit $3`;

type Row = { audit_id: number; started_at: Date; finished_at: Date };

/** What the hourly audits found. */
export function registerAuditRoutes(app: App, { pool }: { pool: Database }): void {
  app.get('/api/audits/', {
    // An audit is of all places.
    config: { access: { roles: ['operator'], bound: 'refused' } },
    schema: {
      summary: 'Hourly audits, newest first, with the rows that were not what the journal says',
      tags: ['jobs'],
      querystring: Query,
      response: { 200: Page },
    },
    handler: async (request): Promise<never> => {
      const query = request.query as { differences_only?: boolean; cursor?: string; limit?: number };
      const { cursor = String(largestId), limit = usualLimit } = query;
      if (!/^\d+$/.test(cursor) || Number(cursor) > largestId) {
        const message = 'is not a next_cursor of an earlier answer';
        const errors = [{ pointer: '/query/cursor', code: 'invalid_cursor', message }];
        throw new CodedError('invalid_parameters', `/query/cursor ${message}`, { errors });
      }
      const values = [Number(cursor), query.differences_only === true, limit + 1];
      const { rows } = await pool.query<Row>({ text: selectAudits, values });
      const page = rows.slice(0, limit);
      const results = page.map((row) => ({
        ...row,
        started_at: row.started_at.toISOString(),
        finished_at: row.finished_at.toISOString(),
      }));
      return { results, next_cursor: rows.length > limit ? String(page.at(-1)!.audit_id) : null } as never;
    },
  });
}
