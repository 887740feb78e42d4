import { Type } from 'typebox';
import { CodedError } from '../base/errors.ts';
import type { App } from '../http/server.ts';
import { idField } from '../sales/document-fields.ts';
import { type CatalogueDescription, catalogueDescriptions } from './catalogue-schemas.ts';
import { type CatalogueDeps, type CatalogueEntry, changeCatalogue } from './change-catalogue.ts';
import { readCatalogue, readCatalogueItem } from './read-catalogue.ts';
import { writtenMenu } from './scope-entries.ts';

const bulkEntries = 100_000;
const bulkBytes = 64 * 1024 * 1024;

const changedFields = {
  changed: Type.Integer(),
  unchanged: Type.Integer({ description: 'entries that say what is known already' }),
  reference_version: Type.Integer(),
  job_id: Type.Union([Type.String(), Type.Null()], { description: 'the re-attribution of loaded sales' }),
};
const changedExample = { changed: 1, unchanged: 0, reference_version: 1, job_id: null };
const problemsPointer = (index: number) => `/body/${index}`;

/** Products, users, restaurants: as they are now, their history, and changes of it. */
export function registerCatalogueRoutes(app: App, deps: CatalogueDeps): void {
  for (const description of catalogueDescriptions) {
    registerReads(app, deps, description);
    registerChanges(app, deps, description);
  }
}

function shapes({ idName, fields, example }: CatalogueDescription) {
  const { since: _, ...shown } = fields;
  const id = { [idName]: Type.String() };
  const item = Type.Object({ ...id, ...shown }, { examples: [example] });
  const given = Type.Object(
    { [idName]: Type.Optional(idField('as in the path')), ...fields },
    { examples: [example] },
  );
  const entry = Type.Object({ [idName]: idField('its id'), ...fields }, { examples: [example] });
  return { item, given, entry };
}

type Fields = Record<string, unknown>;

const shownBy =
  ({ productIdScope }: CatalogueDeps) =>
  (fields: Fields): Fields =>
    productIdScope === 'place' ? writtenMenu(fields) : fields;

function registerReads(app: App, deps: CatalogueDeps, description: CatalogueDescription): void {
  const { pool } = deps;
  const shown = shownBy(deps);
  const { kind, path, tag, idName, one, example } = description;
  const { item } = shapes(description);
  app.get(path, {
    config: { access: { roles: ['analyst'], bound: 'refused' } },
    schema: {
      summary: `The list of ${tag === 'products' ? 'products' : `${kind}s`} as they are now`,
      tags: [tag],
      querystring: Type.Object({
        cursor: Type.Optional(Type.String()),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }),
      response: {
        200: Type.Object(
          { results: Type.Array(item), next_cursor: Type.Union([Type.String(), Type.Null()]) },
          { examples: [{ results: [example], next_cursor: null }] },
        ),
      },
    },
    handler: async (request) => {
      const { cursor, limit = 100 } = request.query as { cursor?: string; limit?: number };
      const page = cursor === undefined ? {} : { after: cursor };
      const items = await readCatalogue(pool, kind, { limit: limit + 1, ...page });
      const results = items.slice(0, limit).map(({ id, fields }) => ({ [idName]: id, ...shown(fields) }));
      return { results, next_cursor: items.length > limit ? items[limit - 1]!.id : null };
    },
  });
  const history = Type.Array(
    Type.Object({
      reference_version: Type.Integer(),
      since: Type.Union([Type.String(), Type.Null()], { description: 'null: since the beginning' }),
      changed_at: Type.String(),
      fields: Type.Record(Type.String(), Type.Unknown()),
    }),
  );
  const changes = [
    {
      reference_version: 1,
      since: null,
      changed_at: '2024-02-07T12:34:56.000Z',
      fields: { name: example.name },
    },
  ];
  app.get(`${path}:id`, {
    config: { access: { roles: ['analyst'], bound: 'refused' } },
    schema: {
      summary: `${one} with its history`.replace(/^a/, 'A'),
      tags: [tag],
      params: Type.Object({ id: idField('its id') }),
      response: {
        200: Type.Intersect([item, Type.Object({ history })], {
          examples: [{ ...example, history: changes }],
        }),
      },
    },
    handler: async (request) => {
      const { id } = request.params as { id: string };
      const found = await readCatalogueItem(pool, kind, id);
      if (found === undefined) throw new CodedError('not_found', `there is no ${kind} ${id}`);
      const history = found.history.map((change) => ({ ...change, fields: shown(change.fields) }));
      return { [idName]: found.id, ...shown(found.fields), history };
    },
  });
}

type Given = Fields & { since?: string };

/** `_id` and `since` say which entry and from when; everything else is what it says. */
function entryOf(id: string, idName: string, given: Given): CatalogueEntry {
  const { since, [idName]: _, ...fields } = given;
  return { id, fields, ...(since === undefined ? {} : { since }) };
}

function registerChanges(app: App, deps: CatalogueDeps, description: CatalogueDescription): void {
  const { kind, path, tag, idName, one, example, effect } = description;
  const { item, given, entry } = shapes(description);
  app.put(`${path}:id`, {
    config: { access: { roles: ['admin'], bound: 'refused' } },
    schema: {
      summary: `Set ${one}; what is not named keeps its value`,
      description: `Leaves its history.${effect}`,
      tags: [tag],
      params: Type.Object({ id: idField('its id') }),
      body: given,
      response: {
        200: Type.Intersect([item, Type.Object(changedFields)], {
          examples: [{ ...example, ...changedExample }],
        }),
      },
    },
    handler: async (request) => {
      const { id } = request.params as { id: string };
      const body = request.body as Given;
      if (body[idName] !== undefined && body[idName] !== id) {
        const message = `${idName} is not the id in the path`;
        const errors = [{ pointer: `/body/${idName}`, code: 'other_id', message }];
        throw new CodedError('invalid_parameters', message, { errors });
      }
      const { tokenId } = request.principal;
      const options = { pointerOf: () => '/body', ...(tokenId === undefined ? {} : { tokenId }) };
      const changed = await changeCatalogue(deps, kind, [entryOf(id, idName, body)], options);
      const now = await readCatalogueItem(deps.pool, kind, id);
      return { [idName]: id, ...shownBy(deps)(now!.fields), ...changed };
    },
  });
  app.post(`${path}bulk`, {
    bodyLimit: bulkBytes,
    config: { access: { roles: ['admin'], bound: 'refused' } },
    schema: {
      summary: `Set up to ${bulkEntries.toLocaleString('en')} at once, all or none`,
      description: `Each as PUT does.${effect}`,
      tags: [tag],
      body: Type.Array(entry, { minItems: 1, maxItems: bulkEntries, examples: [[example]] }),
      response: { 200: Type.Object(changedFields, { examples: [changedExample] }) },
    },
    handler: async (request) => {
      const entries = (request.body as Given[]).map((one) => entryOf(String(one[idName]), idName, one));
      const { tokenId } = request.principal;
      const options = { pointerOf: problemsPointer, ...(tokenId === undefined ? {} : { tokenId }) };
      return await changeCatalogue(deps, kind, entries, options);
    },
  });
}
