import { type Change, type Timeline, timelineOf } from './place-history.ts';

/** The categories of a product in the order of the times from which they hold. */
export function productHistoryOf(changes: readonly Change[]): Timeline<string> {
  return timelineOf<string>(changes, 'category');
}

export type MenuItem = { _id: string; name?: string; price?: number; category?: string };

/**
 * The categories of each dish of a restaurant. A dish that leaves the menu keeps its last one: orders that
 * name it may still come.
 */
export function menuHistoryOf(changes: readonly Change[]): Map<string, Timeline<string>> {
  const ofDish = new Map<string, Change[]>();
  for (const change of changes) {
    for (const { _id, category } of (change.fields.menu as MenuItem[] | undefined) ?? []) {
      const list = ofDish.get(_id) ?? [];
      list.push({ ...change, fields: { category } });
      ofDish.set(_id, list);
    }
  }
  return new Map([...ofDish].map(([dish, list]) => [dish, productHistoryOf(list)]));
}
