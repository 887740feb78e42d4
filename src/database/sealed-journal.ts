import type { Queryable } from '../base/db.ts';

/** Of what was received before, the journal has one row a sale, as it stood then. */
const readLast = 'select max(before) as before from ops.seal';

/** Up to when the journal is sealed; undefined where nothing is. */
export async function readSealedBefore(client: Queryable): Promise<Date | undefined> {
  const { rows } = await client.query<{ before: Date | null }>(readLast);
  return rows[0]!.before ?? undefined;
}

/** The day, UTC, from which on the journal has everything that arrived. */
export const sealedDay = (before: Date): string => before.toISOString().slice(0, 10);
