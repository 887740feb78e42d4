import { idRule } from '../base/ids.ts';

/** `chain`: an id of a product or a customer means the same at every place; `place`: each place numbers its own. */
export type ProductIdScope = 'chain' | 'place';

const escapes: Record<string, string> = { '%': '%25', ':': '%3A' };

/**
 * What one place calls `id`, among the ids of all places: `<place>:<id>`. In the place `%` and `:` are written `%25`
 * and `%3A`, so the first colon ends it and no two places ever mean one thing.
 */
export function scopedId(placeId: string, id: string): string {
  return `${placeId.replace(/[%:]/g, (sign) => escapes[sign]!)}:${id}`;
}

/** The place and the id within it; undefined where a text is no scoped id. */
export function splitScopedId(text: string): { placeId: string; id: string } | undefined {
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1) return undefined;
  const placeId = text.slice(0, colon).replaceAll('%3A', ':').replaceAll('%25', '%');
  const id = text.slice(colon + 1);
  return scopedId(placeId, id) === text ? { placeId, id } : undefined;
}

/** To follow the name of an id that does not say its place. */
export const scopedIdRule =
  'is <place_id>:<id> under PRODUCT_ID_SCOPE=place; in the place_id write % as %25 and : as %3A';

/** To follow the name of an id that is too long together with its place. */
export const scopedLengthRule = `${idRule}, under PRODUCT_ID_SCOPE=place together with its place_id`;
