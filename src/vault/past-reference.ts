import type { Client } from '../base/db.ts';
import { readPastReference } from '../reference/load-reference.ts';
import type { Reference, ReferenceSnapshot } from '../reference/reference.ts';

/**
 * The reference history as it stood when a sale was computed. Mostly that is the newest, which the process knows;
 * the whole history is only read where the journal is behind it, and kept until it is too short.
 */
export function createPastReference(reference: Reference) {
  let past: { upTo: number; at: (version: number) => ReferenceSnapshot } | undefined;

  /** A sale that says no version never counted; it is read under the newest. */
  return async (
    client: Client,
    versions: readonly (number | null)[],
  ): Promise<(version: number | null) => ReferenceSnapshot> => {
    const wanted = versions.filter((version) => version !== null);
    const newest = Math.max(0, ...wanted);
    let current = reference.current();
    if (newest > current.version) current = await reference.refresh();
    if (wanted.every((version) => version === current.version)) return () => current;
    if (past === undefined || past.upTo < newest) {
      // The version is read first, so that the history is at least as long.
      const { rows } = await client.query<{ version: number }>('select version from ops.reference_state');
      past = { upTo: rows[0]!.version, at: await readPastReference(client) };
    }
    const { at } = past;
    return (version) => (version === null || version === current.version ? current : at(version));
  };
}
