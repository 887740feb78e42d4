import { sha256 } from '../base/ids.ts';

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]));
}

/**
 * A hash of a document's values: the order of members and the spelling of numbers do not matter. What a
 * document was known by after its body had to be changed; null where it is no JSON.
 */
export function canonicalHash(body: Buffer): Buffer | null {
  try {
    return sha256(JSON.stringify(sorted(JSON.parse(body.toString('utf8')))));
  } catch {
    return null;
  }
}
