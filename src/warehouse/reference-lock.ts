import type { Client } from '../base/db.ts';

/**
 * Taken in share mode by everything that uses a version of the reference history, exclusively by what raises
 * it: no change can commit while the caller's transaction holds it, and the version is read after it.
 */
export async function holdReferenceVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>('select ops.hold_reference_version() as version');
  return rows[0]!.version;
}
