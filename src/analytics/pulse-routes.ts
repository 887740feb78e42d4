import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import { amountToNumber, currencyDigits } from '../base/money.ts';
import type { ReadSide } from '../database/read-side.ts';
import type { App } from '../http/server.ts';
import { readPulse } from '../warehouse/query-pulse.ts';
import { limitPlaces, type Parameter, ParameterReader } from './read-parameters.ts';
import { itemisedSources } from './sales-request.ts';

const hourMs = 3_600_000;
const slotMinutes = 5;

const Answer = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    slot_minutes: Type.Integer(),
    rows: Type.Array(
      Type.Object({
        at: Type.String({ description: 'when the five minutes begin' }),
        currency: Type.String(),
        sales: Type.Number(),
        refunds: Type.Number(),
        net: Type.Number(),
        receipts: Type.Integer(),
      }),
    ),
    next_cursor: Type.Null(),
  },
  {
    examples: [
      {
        from: '2024-02-07T09:35:00.000Z',
        to: '2024-02-07T12:35:00.000Z',
        slot_minutes: slotMinutes,
        rows: [
          {
            ...{ at: '2024-02-07T12:30:00.000Z', currency: 'RUB', sales: 27.47, refunds: 0, net: 27.47 },
            receipts: 1,
          },
        ],
        next_cursor: null,
      },
    ],
  },
);

/** How sales go right now. */
export function registerPulseRoutes(app: App, deps: { reads: ReadSide; clock: Clock }): void {
  app.get('/api/analytics/pulse', {
    config: { access: { roles: ['analyst'], bound: 'limited' } },
    schema: {
      summary: 'The last hours in steps of five minutes, by the time of the sale',
      description: 'Five minutes in which nothing was sold are left out.',
      tags: ['analytics'],
      querystring: Type.Object({
        hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 48, default: 3 })),
        place_id: Type.Optional(
          Type.Union([Type.String(), Type.Array(Type.String())], {
            description: 'only these places; repeated or comma separated',
          }),
        ),
      }),
      response: { 200: Answer },
    },
    handler: async (request) => {
      const query = request.query as { hours?: number; place_id?: Parameter };
      const reader = new ParameterReader();
      const asked = reader.list('place_id', query.place_id);
      reader.check();
      const places = limitPlaces(asked, request.principal.placeId);
      const slotMs = slotMinutes * 60_000;
      const to = new Date((Math.floor(deps.clock.nowMs() / slotMs) + 1) * slotMs);
      const from = new Date(to.getTime() - (query.hours ?? 3) * hourMs);
      const slots = await deps.reads.read(({ pool }) =>
        readPulse(pool, { places, from, to, sources: itemisedSources }),
      );
      const rows = slots.map(({ slot_at, currency, sales, refunds, receipts }) => {
        const money = (minor: number) => amountToNumber(minor, currencyDigits(currency));
        return {
          ...{ at: slot_at.toISOString(), currency, receipts },
          ...{ sales: money(sales), refunds: money(refunds), net: money(sales - refunds) },
        };
      });
      return {
        ...{ from: from.toISOString(), to: to.toISOString(), slot_minutes: slotMinutes },
        ...{ rows, next_cursor: null },
      };
    },
  });
}
