import { type TSchema, Type } from 'typebox';
import { idField, textField } from '../sales/document-fields.ts';
import type { CatalogueKind } from './change-catalogue.ts';

const since = Type.Optional(
  Type.String({
    maxLength: 64,
    description:
      'from which local time of the sales it holds: a date, a date-time, "now" (default) or "beginning"; ' +
      'the first category of a product holds since the beginning in any case',
  }),
);
const name = Type.Optional(Type.String({ minLength: 1, maxLength: 1000 }));
const price = Type.Optional(Type.Number({ minimum: 0, maximum: 1e12 }));

/** One kind of reference data: where it stands, what an entry is called by, and what it says. */
export type CatalogueDescription = {
  kind: CatalogueKind;
  path: string;
  tag: string;
  idName: 'product_id' | '_id';
  one: string;
  fields: Record<string, TSchema>;
  example: Record<string, unknown>;
  effect: string;
};

const scoped = ' Under PRODUCT_ID_SCOPE=place the id is <place_id>:<id>, as every answer shows it.';

export const catalogueDescriptions: readonly CatalogueDescription[] = [
  {
    kind: 'product',
    path: '/api/products/',
    tag: 'products',
    idName: 'product_id',
    one: 'a product',
    fields: { name, category: Type.Optional(idField('the category it counts for')), price, since },
    example: { product_id: 'product_id_1', name: 'Milk', category: 'groceries', price: 10.99 },
    effect: ` Sales that name no category and are loaded already move to where they belong.${scoped}`,
  },
  {
    kind: 'user',
    path: '/api/reference/users/',
    tag: 'reference',
    idName: '_id',
    one: 'a user',
    fields: { name, login: Type.Optional(textField('their login')), since },
    example: { _id: '626a81ce9a8cd1920641e29c', name: 'Guest 1', login: 'guest_1' },
    effect: scoped,
  },
  {
    kind: 'restaurant',
    path: '/api/reference/restaurants/',
    tag: 'reference',
    idName: '_id',
    one: 'a restaurant',
    fields: {
      name,
      menu: Type.Optional(
        Type.Array(
          Type.Object({
            _id: idField('the dish, as orders of the restaurant name it'),
            name,
            price,
            category: Type.Optional(idField('the category it counts for')),
          }),
          { maxItems: 10_000 },
        ),
      ),
      since,
    },
    example: {
      _id: 'ef8c42c19b7518a9aebec106',
      name: 'Restaurant 1',
      menu: [{ _id: 'aeca4d08abab78869c20128c', name: 'Рис с лимоном', price: 175, category: 'Гарниры' }],
    },
    effect: ' Its orders that are loaded already move to the categories of its menu.',
  },
];
