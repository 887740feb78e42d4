import type { Database } from '../base/db.ts';
import type { Problem } from '../base/errors.ts';
import { amountToNumber, currencyDigits } from '../base/money.ts';
import { readSealedBefore } from '../database/sealed-journal.ts';
import type { Source, Verdict } from '../sales/sale.ts';
import type { StoredContribution } from '../sales/stored-contribution.ts';

/** A sale as it counts now, with everything that ever arrived under its id. */
export type FoundSale = {
  source: Source;
  sourceId: string;
  placeId: string;
  status: string;
  businessDate: string;
  version: string;
  currency: string | null;
  /** The current document, parsed; null where it is not JSON. */
  document: unknown;
  history: HistoryEntry[];
  /** Of what arrived before, the history has only how the sale stood then; RFC 3339. */
  sealedBefore: string | null;
};

export type HistoryEntry = {
  position: string;
  verdict: Verdict;
  receivedAt: string;
  version: string | null;
  problems: Problem[];
  seenCount: number;
  /** What it added to the sale's total, in the currency's own units; a correction shows the difference. */
  totalChange: number;
};

const readSale = `
  select s.source, s.source_id, s.place_id, s.status, s.business_date, s.version, coalesce(j.document, first.document) as document
  from stg.sale as s
  join stg.journal as j on j.position = s.journal_position and j.received_at = s.journal_at
  left join stg.journal as first on j.document is null and first.position = j.replay_of
  where s.source_id = $1 and s.source = $2 and ($3::text is null or s.place_id = $3)
  order by s.journal_position desc
  limit 1`;

const readHistory = `
  select j.position, j.verdict, j.received_at, j.version, j.problems, j.contributions, coalesce(r.seen_count, 1) as seen_count
  from stg.journal as j
  left join stg.repeat as r on r.position = j.position
  where j.source_id = $1 and j.source = $2 and ($3::text is null or j.place_id = $3)
  order by j.position
  limit 1000`;

/** The sale under an id, or undefined; with `placeId` only where it is registered at that place. */
export async function findSale(
  pool: Database,
  source: Source,
  sourceId: string,
  placeId?: string,
): Promise<FoundSale | undefined> {
  const values = [sourceId, source, placeId ?? null];
  const found = await pool.query({ name: 'find-sale', text: readSale, values });
  const row = found.rows[0];
  if (row === undefined) return undefined;
  const history = await pool.query({ name: 'find-sale-history', text: readHistory, values });
  const entries = history.rows.map((entry): HistoryEntry => {
    const contributions = (entry.contributions ?? []) as StoredContribution[];
    return {
      position: String(entry.position),
      verdict: entry.verdict,
      receivedAt: entry.received_at.toISOString(),
      version: entry.version,
      problems: entry.problems ?? [],
      seenCount: entry.seen_count,
      totalChange: contributions.reduce((sum, one) => sum + signedTotal(one), 0),
    };
  });
  const currency =
    history.rows.flatMap((entry) => (entry.contributions ?? []) as StoredContribution[]).at(-1)?.currency ??
    null;
  return {
    source: row.source,
    sourceId: row.source_id,
    placeId: row.place_id,
    status: row.status,
    businessDate: row.business_date,
    version: row.version,
    currency,
    document: parsed(row.document),
    history: entries,
    sealedBefore: (await readSealedBefore(pool))?.toISOString() ?? null,
  };
}

function signedTotal(contribution: StoredContribution): number {
  const direction = contribution.refund === 1 ? -contribution.sign : contribution.sign;
  return direction * amountToNumber(contribution.total, currencyDigits(contribution.currency));
}

export function parsed(document: Buffer | null): unknown {
  if (document === null) return null;
  try {
    return JSON.parse(document.toString('utf8'));
  } catch {
    return null;
  }
}
