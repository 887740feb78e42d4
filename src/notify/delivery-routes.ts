import { Type } from 'typebox';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { App } from '../http/server.ts';
import { DeliveryAnswer, DeliveryPage } from './channel-schemas.ts';
import {
  type DeliveryState,
  deliveryStates,
  type FoundDelivery,
  findDelivery,
  type ListedDelivery,
  listDeliveries,
  resendDelivery,
} from './deliveries.ts';
import { messageIdOf } from './message-id.ts';

const usualLimit = 100;
const mostDeliveries = Number.MAX_SAFE_INTEGER;
const Params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: mostDeliveries }) });
const Query = Type.Object({
  channel_id: Type.Optional(Type.String({ maxLength: 200 })),
  event_id: Type.Optional(Type.String({ format: 'uuid' })),
  state: Type.Optional(
    Type.String({ description: `one or several of ${deliveryStates.join(', ')}, separated by commas` }),
  ),
  cursor: Type.Optional(Type.Integer({ minimum: 1, maximum: mostDeliveries })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where not given' })),
});

function listed(row: ListedDelivery) {
  return {
    delivery_id: row.delivery_id,
    channel_id: row.channel_id,
    kind: row.kind,
    event_id: row.event_id,
    event: row.event,
    state: row.state,
    attempt_count: row.attempt_count,
    next_try_at: row.next_try_at?.toISOString() ?? null,
    last_error: row.last_error,
    event_at: row.event_at.toISOString(),
    created_at: row.created_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
  };
}

function answerOf(found: FoundDelivery) {
  return {
    ...listed(found),
    message_id: messageIdOf(found.event_id, found.channel_id),
    payload: found.payload,
    attempts: found.attempts.map((one) => ({ ...one, started_at: one.started_at.toISOString() })),
  };
}

function readStates(text: string | undefined): DeliveryState[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(deliveryStates as readonly string[]).includes(name));
  if (unknown === undefined) return names as DeliveryState[];
  const message = `${unknown} is none of ${deliveryStates.join(', ')}`;
  throw new CodedError('invalid_parameters', message, {
    errors: [{ pointer: '/query/state', code: 'invalid_value', message }],
  });
}

/** What was sent to channels, what waits, and another try. */
export function registerDeliveryRoutes(app: App, { pool }: { pool: Database }): void {
  const config = { access: { roles: ['operator'], bound: 'refused' } } as const;
  const tags = ['channels'];

  app.get('/api/deliveries/', {
    config,
    schema: {
      summary: 'What was sent to channels and what waits, newest first',
      tags,
      querystring: Query,
      response: { 200: DeliveryPage },
    },
    handler: async (request) => {
      const query = request.query as {
        channel_id?: string;
        event_id?: string;
        state?: string;
        cursor?: number;
        limit?: number;
      };
      const limit = query.limit ?? usualLimit;
      const rows = await listDeliveries(pool, {
        channelId: query.channel_id,
        eventId: query.event_id,
        states: readStates(query.state),
        before: query.cursor,
        limit: limit + 1,
      });
      const results = rows.slice(0, limit).map(listed);
      return { results, next_cursor: rows.length > limit ? String(results.at(-1)!.delivery_id) : null };
    },
  });
  app.get('/api/deliveries/:id', {
    config,
    schema: {
      summary: 'One delivery: the event and every attempt',
      tags,
      params: Params,
      response: { 200: DeliveryAnswer },
    },
    handler: async (request) => answerOf(await findDelivery(pool, (request.params as { id: number }).id)),
  });
  app.post('/api/deliveries/:id/resend', {
    config,
    schema: {
      summary: 'Send it now and anew, under the id that it had',
      tags,
      params: Params,
      response: { 202: DeliveryAnswer },
    },
    handler: async (request, reply) => {
      const found = await resendDelivery(pool, (request.params as { id: number }).id);
      return reply.code(202).send(answerOf(found));
    },
  });
}
