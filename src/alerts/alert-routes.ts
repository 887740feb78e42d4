import { Type } from 'typebox';
import type { Principal } from '../auth/roles.ts';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { answeredAs, chooseForm, fileParameters, formParameter, sendTable } from '../http/answer-form.ts';
import { oneOf } from '../http/one-of.ts';
import type { App } from '../http/server.ts';
import { ruleKinds } from './alert-rule.ts';
import { muteRule } from './alert-rules.ts';
import {
  type AlertState,
  alertCells,
  alertColumns,
  alertStates,
  findAlert,
  listAlerts,
} from './list-alerts.ts';
import { ExplanationSchema, explanationExample } from './rule-schemas.ts';

const Nullable = Type.Union([Type.String(), Type.Null()]);
const NullableNumber = Type.Union([Type.Number(), Type.Null()]);
const shown = {
  ...{ id: 17, rule_id: 1, rule_name: 'Low sales', kind: 'threshold', metric: 'net' },
  ...{ place_id: 'store-1', place_name: 'Arbat', product_id: null, category: null, currency: 'RUB' },
  ...{ value: 1240, baseline: 3263.6, threshold: 1500 },
  window: { from: '2026-01-31T09:00:00.000Z', to: '2026-01-31T10:00:00.000Z' },
  ...{ explanation: explanationExample, fired_at: '2026-01-31T10:01:00.000Z', resolved_at: null },
  ...{ state: 'firing', channels: ['ops'] },
};
const Alert = Type.Object(
  {
    ...{ id: Type.Integer(), rule_id: Type.Integer(), rule_name: Type.String(), kind: oneOf(ruleKinds) },
    ...{ metric: Type.String(), place_id: Nullable, place_name: Nullable, product_id: Nullable },
    ...{ category: Nullable, currency: Nullable, value: Type.Number(), baseline: NullableNumber },
    threshold: NullableNumber,
    window: Type.Object({ from: Type.String(), to: Type.String() }),
    ...{ explanation: ExplanationSchema, fired_at: Type.String(), resolved_at: Nullable },
    ...{ state: oneOf(alertStates), channels: Type.Array(Type.String()) },
  },
  { examples: [shown] },
);
const Page = Type.Object(
  { results: Type.Array(Alert), next_cursor: Nullable },
  { examples: [{ results: [shown], next_cursor: null }] },
);
const forms = ['json', 'csv'] as const;
const largestId = Number.MAX_SAFE_INTEGER;
const Query = Type.Object({
  state: Type.Optional(oneOf(alertStates)),
  place_id: Type.Optional(Type.String({ maxLength: 256 })),
  rule_id: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'fired at or after' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'fired before' })),
  cursor: Type.Optional(Type.Integer({ minimum: 1, maximum: largestId })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where left out' })),
  format: formParameter(forms),
  ...fileParameters,
});
type Query = {
  state?: AlertState;
  place_id?: string;
  rule_id?: number;
  from?: string;
  to?: string;
  cursor?: number;
  limit?: number;
  format?: string;
  sep?: ',' | ';';
  bom?: string;
};
const Mute = Type.Object(
  { minutes: Type.Integer({ minimum: 0, maximum: 527_040, description: '0 ends it' }) },
  { examples: [{ minutes: 120 }] },
);
const Muted = Type.Object(
  { rule_id: Type.Integer(), muted_until: Nullable },
  { examples: [{ rule_id: 1, muted_until: '2026-01-31T12:00:00.000Z' }] },
);
const Id = Type.Object({ id: Type.Integer({ minimum: 1, maximum: largestId }) });
const idOf = (request: { params: unknown }) => (request.params as { id: number }).id;
const usualLimit = 100;

/** A token bound to a place sees that place's alerts alone; those of all places together are none of it. */
function placeOf(asked: string | undefined, { placeId: bound }: Principal): string | undefined {
  if (bound !== undefined && asked !== undefined && asked !== bound)
    throw new CodedError('foreign_place', `the token is bound to the place ${bound}`);
  return bound ?? asked;
}

/** What fired. */
export function registerAlertRoutes(app: App, deps: { pool: Database; clock: Clock }): void {
  const { pool, clock } = deps;
  const access = (bound: 'limited' | 'refused') => ({ access: { roles: ['operator'], bound } }) as const;
  const tags = ['alerts'];
  const find = async (id: number, bound: string | undefined) => {
    const alert = await findAlert(pool, id, bound);
    if (alert === undefined) throw new CodedError('not_found', `there is no alert ${id}`);
    return alert;
  };

  app.get('/api/alerts/', {
    config: access('limited'),
    schema: {
      summary: 'What fired, newest first; JSON in pages, or all of it as CSV',
      tags,
      querystring: Query,
      response: { 200: answeredAs(forms, Page) },
    },
    handler: async (request, reply): Promise<never> => {
      const query = request.query as Query;
      const form = chooseForm(forms, query.format, request.headers.accept);
      const asked = {
        ...{ state: query.state, placeId: placeOf(query.place_id, request.principal) },
        ...{ ruleId: query.rule_id, from: query.from, to: query.to },
      };
      if (form !== 'json') {
        const table = { columns: alertColumns, pages: alertCells(pool, asked) };
        return sendTable(reply, form, table, query) as never;
      }
      const limit = query.limit ?? usualLimit;
      const found = await listAlerts(pool, { ...asked, before: query.cursor, limit: limit + 1 });
      const results = found.slice(0, limit);
      return { results, next_cursor: found.length > limit ? String(results.at(-1)!.id) : null } as never;
    },
  });
  app.get('/api/alerts/:id', {
    config: access('limited'),
    schema: { summary: 'One alert', tags, params: Id, response: { 200: Alert } },
    handler: async (request): Promise<never> =>
      (await find(idOf(request), request.principal.placeId)) as never,
  });
  app.post('/api/alerts/:id/mute', {
    config: access('refused'),
    schema: {
      summary: 'Mute the rule of an alert for some minutes: nothing fires by it, in no place',
      tags,
      params: Id,
      body: Mute,
      response: { 200: Muted },
    },
    handler: async (request) => {
      const { minutes } = request.body as { minutes: number };
      const { rule_id: ruleId } = await find(idOf(request), undefined);
      const until = minutes === 0 ? null : new Date(clock.nowMs() + minutes * 60_000);
      await muteRule(pool, ruleId, until);
      return { rule_id: ruleId, muted_until: until?.toISOString() ?? null };
    },
  });
}
