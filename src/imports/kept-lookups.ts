import { createHash } from 'node:crypto';
import { filesOf } from './import-request.ts';
import { type Lookup, readLookups } from './lookups.ts';
import type { Mapping } from './mapping.ts';
import type { ImportForm } from './read-form.ts';

export type Lookups = ReadonlyMap<string, Lookup>;
export type ReadLookups = (mapping: Mapping | undefined, form: ImportForm) => Promise<Lookups>;

const kept = 2;

/**
 * Every part brings the files it looks things up in; to read them anew would cost as much as the part itself,
 * so those of the last imports are kept, known by their content.
 */
export function createKeptLookups(): ReadLookups {
  const known = new Map<string, Promise<Lookups>>();
  return async (mapping, form) => {
    if (mapping?.lookup === undefined) return new Map();
    const hash = createHash('sha256').update(JSON.stringify(mapping));
    for (const [name, bytes] of form.lookups) hash.update(`\n${name} ${bytes.length}\n`).update(bytes);
    const key = hash.digest('base64');
    const found = known.get(key) ?? readLookups(mapping, filesOf(form));
    known.delete(key);
    known.set(key, found);
    for (const [oldest] of known) if (known.size > kept) known.delete(oldest);
    try {
      return await found;
    } catch (error) {
      known.delete(key);
      throw error;
    }
  };
}
