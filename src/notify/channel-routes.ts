import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import type { Config } from '../config.ts';
import type { App } from '../http/server.ts';
import { type Channel, findChannel, listChannels } from './channel.ts';
import { ChannelAnswer, ChannelPage, ChannelPut, ChannelSaved, TestAnswer } from './channel-schemas.ts';
import type { ChannelBody } from './check-channel.ts';
import { deleteChannel, putChannel, unknownChannel } from './put-channel.ts';
import { createSecrets } from './secrets.ts';
import { createSender } from './sender.ts';
import { resolveWithSystem } from './target.ts';

export type ChannelRoutesDeps = { pool: Database; config: Config; clock: Clock };

const usualLimit = 100;
const idPattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
const Params = Type.Object({
  id: Type.String({ pattern: idPattern, description: 'up to 64 letters, digits, dots, _ and -' }),
});
const Page = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 64 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where not given' })),
});

function answerOf(channel: Channel) {
  return {
    channel_id: channel.channel_id,
    kind: channel.kind,
    ...channel.settings,
    language: channel.language,
    enabled: channel.enabled,
    has_secret: channel.secret !== null,
    disabled_reason: channel.disabled_reason,
    failing_since: channel.failing_since?.toISOString() ?? null,
    last_error: channel.last_error,
    last_delivered_at: channel.last_delivered_at?.toISOString() ?? null,
    waiting: channel.waiting,
    created_at: channel.created_at.toISOString(),
    updated_at: channel.updated_at.toISOString(),
  };
}

/** Where notifications go: list, put, look at, delete, and try out. No answer holds a secret that was given. */
export function registerChannelRoutes(app: App, { pool, config: settings, clock }: ChannelRoutesDeps): void {
  const config = { access: { roles: ['operator'], bound: 'refused' } } as const;
  const tags = ['channels'];
  const secrets = createSecrets({ pool, secretsKey: settings.secretsKey });
  const send = createSender({ config: settings, secrets });
  const { allowPrivateTargets, smtp } = settings;
  const putting = { pool, secrets, allowPrivateTargets, smtp, resolve: resolveWithSystem };
  const idOf = (request: { params: unknown }) => (request.params as { id: string }).id;

  async function found(channelId: string): Promise<Channel> {
    const channel = await findChannel(pool, channelId);
    if (channel === undefined) throw unknownChannel(channelId);
    return channel;
  }

  app.get('/api/channels/', {
    config,
    schema: { summary: 'Where notifications go', tags, querystring: Page, response: { 200: ChannelPage } },
    handler: async (request) => {
      const { cursor = '', limit = usualLimit } = request.query as { cursor?: string; limit?: number };
      const channels = await listChannels(pool, { after: cursor, limit: limit + 1 });
      const results = channels.slice(0, limit).map(answerOf);
      return { results, next_cursor: channels.length > limit ? results.at(-1)!.channel_id : null };
    },
  });
  app.get('/api/channels/:id', {
    config,
    schema: { summary: 'One channel', tags, params: Params, response: { 200: ChannelAnswer } },
    handler: async (request) => answerOf(await found(idOf(request))),
  });
  app.put('/api/channels/:id', {
    config,
    schema: {
      summary: 'Make or replace a channel; what waits for it is tried at once',
      tags,
      params: Params,
      body: ChannelPut,
      response: { 200: ChannelSaved, 201: ChannelSaved },
    },
    handler: async (request, reply) => {
      const deps = { ...putting, defaultLanguage: settings.reportLanguage };
      const { channel, isNew, madeSecret } = await putChannel(
        deps,
        idOf(request),
        request.body as ChannelBody,
      );
      return reply.code(isNew ? 201 : 200).send({ ...answerOf(channel), secret: madeSecret });
    },
  });
  app.delete('/api/channels/:id', {
    config,
    schema: {
      summary: 'Delete a channel; what waits for it is not sent, and the log stays',
      tags,
      params: Params,
      response: { 200: ChannelAnswer },
    },
    handler: async (request) => answerOf(await deleteChannel(pool, idOf(request))),
  });
  app.post('/api/channels/:id/test', {
    config,
    schema: {
      summary: 'Send a test message now, once, and tell how it went',
      tags,
      params: Params,
      response: { 200: TestAnswer },
    },
    handler: async (request) => {
      const channel = await found(idOf(request));
      const eventId = randomUUID();
      const created_at = new Date(clock.nowMs()).toISOString();
      const event = { event_id: eventId, type: 'channel.test', created_at, channel_id: channel.channel_id };
      const startedMs = performance.now();
      const { result, status, error } = await send(channel, { id: `msg_${eventId}`, event });
      const durationMs = Math.round(performance.now() - startedMs);
      return { delivered: result === 'delivered', status, error, duration_ms: durationMs };
    },
  });
}
