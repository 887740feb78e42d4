import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';

/** Where a question is answered. `asOf` is set on a replica: everything committed before it is in the answer. */
export type Reader = { pool: Database; asOf: Date | undefined };

export type ReadSide = {
  /** The replica while it can be used, else the primary. */
  choose(): Reader;
  /** The same for work that only reads, which is done again on the primary where the replica fails it. */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
};

export function readFromPrimary(pool: Database): ReadSide {
  const choose = (): Reader => ({ pool, asOf: undefined });
  return { choose, read: (work) => work(choose()) };
}

export const asOfDescription = 'only in an answer from a replica: everything committed before is in it';

/** What an answer says of the moment it is as of; nothing where it comes from the primary. */
export function shownAsOf({ asOf }: Reader): { as_of?: string } {
  return asOf === undefined ? {} : { as_of: asOf.toISOString() };
}

/** `onFailure` is told what the replica failed with. A caller's mistake is one on the primary too. */
export async function readWithFallback<T>(
  reader: Reader,
  primary: Database,
  work: (reader: Reader) => Promise<T>,
  onFailure: (error: unknown) => void,
): Promise<T> {
  try {
    return await work(reader);
  } catch (error) {
    if (reader.pool === primary || error instanceof CodedError) throw error;
    onFailure(error);
    return await work({ pool: primary, asOf: undefined });
  }
}
