import { PassThrough } from 'node:stream';
import { Type } from 'typebox';
import type { Authenticator } from '../auth/tokens.ts';
import type { Config } from '../config.ts';
import { bearerSecret } from '../http/guard.ts';
import type { App } from '../http/server.ts';
import { createLiveFeed, type LiveFeedDeps } from './live-feed.ts';

const example = {
  at: '2024-02-07T12:35:00.250Z',
  places: [
    {
      place_id: 'unique_place_id1',
      place_name: 'Store ABCE',
      currency: 'RUB',
      business_date: '2024-02-07',
      sales: 27.47,
      refunds: 0,
      net: 27.47,
      discounts: 0,
      receipts: 1,
      units: 3,
      average_receipt: 27.47,
      nds: 2.47,
      tips: 3,
    },
  ],
};

const Live = Type.Object(
  {
    at: Type.String({ description: 'when the figures were read; whatever the marts held then is in them' }),
    places: Type.Array(
      Type.Object({
        place_id: Type.String(),
        place_name: Type.String(),
        currency: Type.String(),
        business_date: Type.String({ description: 'the current one of the place' }),
        sales: Type.Number(),
        refunds: Type.Number(),
        net: Type.Number(),
        discounts: Type.Number(),
        receipts: Type.Integer(),
        units: Type.Number(),
        average_receipt: Type.Union([Type.Number(), Type.Null()]),
        nds: Type.Number(),
        tips: Type.Number(),
      }),
    ),
  },
  { description: 'the data of an event, in one line of JSON', examples: [example] },
);

const description =
  'Server-sent events. The first, `event: today`, has every place that sold something on its current business date and ' +
  'replaces what the reader knew; each `event: sales` has the places that changed since, to be put in place of those of ' +
  'the same place_id and currency. Figures are running totals of the business date, of receipts, transactions and ' +
  'orders, so an event that comes twice does no harm; when the business date passes, a place starts again at nought. ' +
  'Sent back as the header Last-Event-ID, the id of the last event brings only what changed since, or, where the ' +
  'program does not know it any more, everything as `event: today`. A comment comes every five seconds. The stream ends ' +
  'when the token does, when the program stops, when the database does not answer, and for a reader that takes nothing ' +
  'for half a minute: connect again.';

/** Sales per place as they commit. */
export function registerLiveRoutes(
  app: App,
  deps: Omit<LiveFeedDeps, 'defaultTimeZone'> & { config: Config; authenticate: Authenticator },
): void {
  const feed = createLiveFeed({ ...deps, defaultTimeZone: deps.config.defaultTimeZone });
  // Before connections are waited for, since these end by nothing else.
  app.addHook('preClose', async () => feed.close());
  app.get('/api/stream', {
    exposeHeadRoute: false,
    config: { access: { roles: ['analyst'], bound: 'limited' }, endless: true },
    schema: {
      summary: 'Sales per place as they commit, as server-sent events',
      description,
      tags: ['analytics'],
      headers: Type.Object({
        'last-event-id': Type.Optional(
          Type.String({ description: 'the id of the last event of an earlier connection' }),
        ),
      }),
      response: { 200: { description: 'OK', content: { 'text/event-stream': { schema: Live } } } },
    },
    handler: async (request, reply): Promise<never> => {
      const secret = bearerSecret(request)!;
      const { placeId } = request.principal;
      const out = new PassThrough();
      const lastEventId = request.headers['last-event-id'] as string | undefined;
      const mayListen = async () => (await deps.authenticate(secret)) !== undefined;
      // Also where the reader leaves before there is anything to send.
      reply.raw.once('close', () => out.destroy());
      await feed.listen({ out, placeId, lastEventId, mayListen });
      return reply
        .type('text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(out as never) as never;
    },
  });
}
