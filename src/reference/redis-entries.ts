import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { catalogueDescriptions } from './catalogue-schemas.ts';

export type WantedKind = 'user' | 'restaurant';

/** A value from Redis as an entry of the reference history, or why it cannot be one. */
export type RedisEntry = { fields: Record<string, unknown> } | { problem: string };

const validators = {
  user: validatorOf('user'),
  restaurant: validatorOf('restaurant'),
};
const members: Record<WantedKind, readonly string[]> = {
  user: ['name', 'login'],
  restaurant: ['name', 'menu'],
};
const nothing = new Set<unknown>([undefined, null, '']);
const dishMembers = ['_id', 'name', 'price', 'category'];
/** In what JSON.stringify writes: NUL, which PostgreSQL takes in no text, and half of a character. */
const noText = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

function validatorOf(kind: WantedKind) {
  const { fields } = catalogueDescriptions.find((one) => one.kind === kind)!;
  return Compile(Type.Object(fields));
}

/**
 * Reads `{_id, name, login}` or `{_id, name, menu: [{_id, name, price, category}]}`. Whatever else stands
 * there is left out, so that a time stamp within it makes no change of each look.
 */
export function readRedisEntry(kind: WantedKind, id: string, text: string): RedisEntry {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: 'is not JSON' };
  }
  if (!isObject(value)) return { problem: 'is no JSON object' };
  if (value._id !== undefined && value._id !== id) return { problem: '_id is not its key' };
  const fields = pick(value, members[kind]);
  if (Array.isArray(fields.menu)) fields.menu = fields.menu.map(dishOf);
  if (noText.test(JSON.stringify(fields))) return { problem: 'has characters that are no text' };
  const [wrong] = validators[kind].Errors(fields);
  if (wrong !== undefined) return { problem: `${wrong.instancePath || '/'} ${wrong.message}` };
  return { fields };
}

/** Nothing is computed from the price, so one that is no number is no reason to do without the dish. */
function dishOf(dish: unknown): unknown {
  if (!isObject(dish)) return dish;
  const { price, ...fields } = pick(dish, dishMembers);
  return typeof price === 'number' && price >= 0 ? { ...fields, price } : fields;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without nulls and empty texts, which say that there is nothing. */
function pick(value: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.flatMap((name) => (nothing.has(value[name]) ? [] : [[name, value[name]]])));
}
