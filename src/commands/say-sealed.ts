import type { Queryable } from '../base/db.ts';
import { readSealedBefore, sealedDay } from '../database/sealed-journal.ts';

/** Where the journal is sealed, what reads all of it says from where on that is. */
export async function saySealed(pool: Queryable): Promise<void> {
  const before = await readSealedBefore(pool);
  if (before !== undefined)
    console.log(
      `the journal is sealed: of what was received before ${sealedDay(before)} it has each sale as it stood then, and starts there`,
    );
}
