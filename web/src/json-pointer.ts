/** JSON pointers (RFC 6901), as the program names places in documents. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export const isObject = (value: unknown): value is { [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const segmentsOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));

export const childOf = (pointer: string, segment: string | number): string =>
  `${pointer}/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** A copy of the document with another value at one place; what leads there is made where it is missing. */
export function withValue(document: Json, pointer: string, value: Json | undefined): Json {
  const set = (at: Json | undefined, [segment, ...rest]: string[]): Json | undefined => {
    if (segment === undefined) return value;
    if (Array.isArray(at)) {
      const copy = [...at];
      const next = set(copy[Number(segment)], rest);
      if (next === undefined) copy.splice(Number(segment), 1);
      else copy[Number(segment)] = next;
      return copy;
    }
    const members: Record<string, Json> = { ...(isObject(at) ? at : {}) };
    const next = set(members[segment], rest);
    if (next === undefined) delete members[segment];
    else members[segment] = next;
    return members;
  };
  return set(document, segmentsOf(pointer)) ?? null;
}

export function hasPlace(document: Json, pointer: string): boolean {
  let at: Json | undefined = document;
  for (const segment of segmentsOf(pointer)) {
    if (Array.isArray(at)) at = at[Number(segment)];
    else if (isObject(at) && Object.hasOwn(at, segment)) at = at[segment];
    else return false;
    if (at === undefined) return false;
  }
  return true;
}

/** What was typed where a value of this kind stood: a number stays one, as long as it is written as one. */
export function readTyped(text: string, before: Json): Json {
  if (typeof before !== 'string' && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text.trim())) return Number(text);
  if (typeof before !== 'string' && text.trim() === 'null') return null;
  if (typeof before === 'boolean' && /^(true|false)$/.test(text.trim())) return text.trim() === 'true';
  return text;
}

export function countValues(value: Json): number {
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + countValues(one), 0);
  if (!isObject(value)) return 1;
  return Object.values(value).reduce((sum: number, one) => sum + countValues(one), 0);
}
