import { Type } from 'typebox';
import type { Database } from '../base/db.ts';
import type { Metrics } from '../base/metrics.ts';
import type { App } from '../http/server.ts';
import { readHealth } from './read-health.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const NullableNumber = Type.Union([Type.Number(), Type.Null()]);

const example = {
  at: '2024-02-07T09:35:01.000Z',
  last_sale_at: '2024-02-07T09:35:00.800Z',
  loading_waits_at_rows: 20_000,
  followers: [
    { follower: 'fold', waiting_rows: 12, moved_at: '2024-02-07T09:35:00.900Z' },
    { follower: 'customers', waiting_rows: 40, moved_at: '2024-02-07T09:35:00.700Z' },
    { follower: 'vault', waiting_rows: 310, moved_at: '2024-02-07T09:35:00.100Z' },
  ],
  held_by: null,
  loading: { batches: 1204, mean_ms: 6.2, p95_ms: 10 },
  database_bytes: 52_428_800,
  audit: { last_at: '2024-02-07T09:05:01.940Z', waiting_days: 0, differences: 0, of_days: 7 },
};

const Health = Type.Object(
  {
    at: Type.String(),
    last_sale_at: NullableText,
    loading_waits_at_rows: Type.Integer({ description: 'behind the slower of fold and customers' }),
    followers: Type.Array(
      Type.Object({
        follower: Type.String({ description: 'fold, customers or vault' }),
        waiting_rows: Type.Integer({ description: 'journal rows, counted no further than 100000' }),
        moved_at: Type.String(),
      }),
    ),
    held_by: Type.Union([
      Type.Null(),
      Type.Object(
        {
          application_name: Type.String(),
          pid: Type.Union([Type.Integer(), Type.Null()]),
          state: Type.String(),
          seconds: Type.Integer(),
        },
        { description: 'the database session whose transaction keeps the fold from newer rows' },
      ),
    ]),
    loading: Type.Union([
      Type.Null(),
      Type.Object(
        { batches: Type.Integer(), mean_ms: Type.Number(), p95_ms: NullableNumber },
        { description: 'load transactions of the process that answers; null where it has loaded nothing' },
      ),
    ]),
    database_bytes: Type.Integer(),
    audit: Type.Object({
      last_at: NullableText,
      waiting_days: Type.Integer(),
      differences: Type.Integer({ description: 'found in the last of_days days' }),
      of_days: Type.Integer(),
    }),
  },
  { examples: [example] },
);

/** How the program is doing, for people; Prometheus reads /metrics. */
export function registerHealthOverview(app: App, deps: { pool: Database; metrics: Metrics }): void {
  app.get('/api/health/', {
    config: { access: { roles: ['operator'], bound: 'refused' } },
    schema: {
      summary: 'How far everything is behind the journal, how long loads take, and what audits found',
      tags: ['health'],
      response: { 200: Health },
    },
    handler: async () => await readHealth(deps),
  });
}
