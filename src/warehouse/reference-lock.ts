import type { Client } from '../base/db.ts';

/**
 * Taken in share mode by everything that uses a version of the reference history, exclusively by what raises
 * it: no change can commit while the caller's transaction holds it, and the version is read after it. `begin`: what
 * starts the transaction, where nothing has yet.
 */
export async function holdReferenceVersion(client: Client, begin?: string): Promise<number> {
  const hold = 'select pg_advisory_xact_lock_shared(7101); select version from ops.reference_state';
  const answers = (await client.query(begin === undefined ? hold : `${begin}; ${hold}`)) as unknown as {
    rows: { version: number }[];
  }[];
  return answers.at(-1)!.rows[0]!.version;
}
