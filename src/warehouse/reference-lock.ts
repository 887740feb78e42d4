import type { Client } from '../base/db.ts';

/**
 * Taken in share mode by everything that uses a version of the reference history, exclusively by what raises
 * it: no change can commit while the caller's transaction holds it, and the version is read after it.
 */
export async function holdReferenceVersion(client: Client): Promise<number> {
  const [, state] = (await client.query(
    'select pg_advisory_xact_lock_shared(7101); select version from ops.reference_state',
  )) as unknown as { rows: { version: number }[] }[];
  return state!.rows[0]!.version;
}
