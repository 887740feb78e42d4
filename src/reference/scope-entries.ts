import { isId } from '../base/ids.ts';
import { scopedId, scopedIdRule, scopedLengthRule, splitScopedId } from '../sales/id-scope.ts';
import type { MenuItem } from './catalogue-history.ts';
import type { CatalogueEntry, CatalogueKind } from './change-catalogue.ts';

type Fields = Record<string, unknown>;

/** What the ids of an entry have wrong where each place numbers its own products and users. */
export function scopeProblem(kind: CatalogueKind, { id, fields }: CatalogueEntry): string | undefined {
  if (kind !== 'restaurant')
    return splitScopedId(id) === undefined ? `the id of a ${kind} ${scopedIdRule}` : undefined;
  const long = menuOf(fields)?.find((dish) => !isId(scopedId(id, dish._id)));
  return long === undefined ? undefined : `the dish ${long._id} ${scopedLengthRule}`;
}

/** A restaurant writes its menu as it writes its orders; kept are the ids of its dishes among those of all places. */
export function scopeMenu<T extends CatalogueEntry>(entry: T): T {
  return { ...entry, fields: withMenu(entry.fields, (dish) => scopedId(entry.id, dish)) };
}

/** A menu as it was written. */
export function writtenMenu(fields: Fields): Fields {
  return withMenu(fields, (dish) => splitScopedId(dish)?.id ?? dish);
}

const menuOf = (fields: Fields) => fields.menu as MenuItem[] | undefined;

function withMenu(fields: Fields, idOf: (id: string) => string): Fields {
  const menu = menuOf(fields)?.map((dish) => ({ ...dish, _id: idOf(dish._id) }));
  return menu === undefined ? fields : { ...fields, menu };
}
