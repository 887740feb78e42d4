import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import type { Config } from '../config.ts';
import { codedErrorOf } from '../http/problem.ts';
import type { App } from '../http/server.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { changePlace, localNow, type PlaceChange, refuse, wrongFields } from './change-place.ts';
import { Place, placeExample, readPlaces } from './places.ts';
import type { Reference } from './reference.ts';

const Change = Type.Object(
  {
    place_name: Type.Optional(Type.String({ minLength: 1, maxLength: 1000 })),
    time_zone: Type.Optional(Type.String({ maxLength: 64, description: 'IANA name' })),
    currency: Type.Optional(Type.String({ maxLength: 3, description: 'ISO 4217' })),
    business_day_start: Type.Optional(
      Type.String({ description: 'HH:MM; a sale before it counts for the day before' }),
    ),
    groups: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 50, uniqueItems: true }),
    ),
    since: Type.Optional(
      Type.String({
        description: 'from which local time it holds: a date, a date-time, "now" (default) or "beginning"',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [
      {
        place_name: 'Store ABC',
        time_zone: 'Europe/Moscow',
        business_day_start: '05:00',
        since: 'beginning',
      },
    ],
  },
);

export type ReferenceRoutesDeps = {
  pool: Database;
  reference: Reference;
  jobs: Jobs;
  config: Config;
  clock: Clock;
};

/** The places: as they are now, and changes of their history. */
export function registerReferenceRoutes(app: App, deps: ReferenceRoutesDeps): void {
  const defaults = { timeZone: deps.config.defaultTimeZone, currency: deps.config.defaultCurrency };
  app.get('/api/places/', {
    config: { access: { roles: ['analyst'], bound: 'limited' } },
    schema: {
      summary: 'The places with their settings now',
      tags: ['places'],
      querystring: Type.Object({
        cursor: Type.Optional(Type.String()),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }),
      response: {
        200: Type.Object(
          { results: Type.Array(Place), next_cursor: Type.Union([Type.String(), Type.Null()]) },
          { examples: [{ results: [placeExample], next_cursor: null }] },
        ),
      },
    },
    handler: async (request) => {
      const query = request.query as { cursor?: string; limit?: number };
      const limit = query.limit ?? 100;
      const places = await readPlaces(deps, defaults, {
        limit: limit + 1,
        ...(query.cursor === undefined ? {} : { after: query.cursor }),
        ...(request.principal.placeId === undefined ? {} : { placeId: request.principal.placeId }),
      });
      const results = places.slice(0, limit);
      return { results, next_cursor: places.length > limit ? results.at(-1)!.place_id : null };
    },
  });
  app.put('/api/places/:id', {
    config: { access: { roles: ['admin'], bound: 'refused' } },
    // What is wrong with the shape is told together with what is wrong with the values.
    attachValidation: true,
    schema: {
      summary: 'Change a place; sales that are loaded already move to where they belong',
      tags: ['places'],
      params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 256 }) }),
      body: Change,
      response: {
        200: Type.Intersect(
          [
            Place,
            Type.Object({
              reference_version: Type.Integer(),
              job_id: Type.Union([Type.String(), Type.Null()]),
            }),
          ],
          {
            examples: [{ ...placeExample, reference_version: 1, job_id: null }],
          },
        ),
      },
    },
    handler: async (request) => {
      const { id } = request.params as { id: string };
      const changeDeps = { ...deps, defaultTimeZone: defaults.timeZone };
      const change = request.body as PlaceChange;
      if (request.validationError !== undefined) {
        const shape = codedErrorOf(request.validationError).errors ?? [];
        refuse([...shape, ...wrongFields(change ?? {}, await localNow(changeDeps, id))]);
      }
      const changed = await changePlace(changeDeps, id, change, request.principal.tokenId);
      const [place] = await readPlaces(deps, defaults, { limit: 1, placeId: id });
      return { ...place!, ...changed };
    },
  });
}
