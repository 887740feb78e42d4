import { isDeepStrictEqual } from 'node:util';
import { type Client, type Database, inTransaction } from '../base/db.ts';
import { sha256 } from '../base/ids.ts';
import { cancelOnAbort } from '../database/cancel-on-abort.ts';
import { readPastReference } from '../reference/load-reference.ts';
import { type Contribution, negated } from '../sales/contribution.ts';
import { type Check, checksOfFinestMarts, checksOfRegistry, checksOfRolledUpMarts } from './audit-checks.ts';
import { type Applied, appliedOf, differs, type Parse, recompute } from './recompute.ts';

export type AuditDeps = {
  pool: Database;
  parse: Parse;
  identity: 'source' | 'place';
  progress: (sales: number) => void;
  /** Ends the audit early; a statement that runs is cancelled. */
  signal?: AbortSignal;
  /** Between two pages of sales, for an audit that is in no hurry. */
  pause?: (pageMs: number) => Promise<void>;
  /** What other followers of the journal keep, compared in the same snapshot. */
  further?: (client: Client) => Promise<Difference[]>;
};

/** One figure of one row that is not what the journal says. */
export type Difference = { table: string; key: string; figure: string; expected: string; found: string };

/** What an audit is about: which sales are computed afresh, and which checks are made. */
export type AuditScope = {
  /** Rows of `position, received_at, source, source_id, place_scope`: the document that each sale comes from. */
  newest: string;
  checks: readonly Check[];
};

/** `complete`: false where there is more wrong than is told one by one. */
export type Audited = { sales: number; unreadable: number; differences: Difference[]; complete: boolean };

/** Bodies may be a megabyte each. */
const salesPerPage = 250;
/** Of one check; also how many sales that differ are counted right in the comparison of the marts. */
const maximumDifferences = 1_000;

/**
 * The highest accepted version of each sale, from the journal alone; the registry only tells what it was
 * computed with and where its current contribution stands.
 */
const newestOfAll = (identity: 'source' | 'place') => `
  select distinct on (source, source_id, 5) position, received_at, source, source_id,
    ${identity === 'place' ? 'place_id' : "''::text"} as place_scope
  from stg.journal
  where verdict in ('accepted', 'corrected')
  order by source, source_id, 5, version desc, sale_seq desc`;

const declareSales = (newest: string) => `
  declare audit_sales no scroll cursor for
  with newest as (${newest})
  select n.source, n.source_id, n.place_scope, coalesce(s.sale_seq, 0) as sale_seq, coalesce(s.place_id, '') as place_id,
    coalesce(s.business_date::text, '') as business_date, coalesce(s.reference_version, $1) as reference_version,
    j.version, c.contributions, j.position as document_position, j.received_at, j.content_type, j.resolved, j.document,
    s.version as registered_version, s.content_hash as registered_hash,
    s.canonical_hash is not null as is_redacted
  from newest as n
  join stg.journal as j on j.position = n.position and j.received_at = n.received_at
  left join stg.sale as s on s.source_id = n.source_id and s.source = n.source and s.place_scope = n.place_scope
  left join stg.journal as c on c.position = s.journal_position and c.received_at = s.journal_at`;

/** `isRedacted`: the hash is that of the document before a person was taken out of it. */
type Registered = { version: string | null; contentHash: Buffer | null; isRedacted: boolean };
type Page = { applied: Applied; registered: Registered }[];

/**
 * Compares registry, marts and tail with a recomputation of the whole journal in one snapshot. Each sale is
 * computed with the reference version it carries, so a change that came later is no difference.
 *
 * The transaction only reads: with a transaction id of its own it would hold the fold back until it ends,
 * and with the fold the loading. So what differs is carried into the comparison as a parameter.
 */
export async function auditMarts(deps: AuditDeps): Promise<Audited> {
  const checks = [...checksOfRegistry(deps.identity), ...checksOfFinestMarts(), ...checksOfRolledUpMarts()];
  return await inAuditSnapshot(deps, (client) =>
    auditScope(client, deps, { newest: newestOfAll(deps.identity), checks }),
  );
}

/** One snapshot for everything that is compared. */
export async function inAuditSnapshot<T>(
  deps: Pick<AuditDeps, 'pool' | 'signal'>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  return await inTransaction(
    deps.pool,
    async (client) => {
      const release = cancelOnAbort(deps.pool, client, deps.signal);
      try {
        // Before the snapshot: a swap of the marts that is under way comes first, the next one waits.
        await client.query('lock table cdm.generation in access share mode');
        return await work(client);
      } finally {
        release();
      }
    },
    "begin isolation level repeatable read read only; set local transaction_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local work_mem = '64MB'",
  );
}

/** In the caller's snapshot. */
export async function auditScope(client: Client, deps: AuditDeps, scope: AuditScope): Promise<Audited> {
  const audited: Audited = { sales: 0, unreadable: 0, differences: [], complete: true };
  const adjustments = await recomputeSales(client, deps, audited, scope.newest);
  for (const check of scope.checks) {
    deps.signal?.throwIfAborted();
    const values: unknown[] = [maximumDifferences];
    if (check.adjusted) values.push(adjustments.map((contribution) => JSON.stringify([contribution])));
    const { rows } = await client.query({ text: check.text, values });
    for (const row of rows) audited.differences.push(...differencesOf(check.table, check.figures, row));
    if (rows.length >= maximumDifferences) audited.complete = false;
  }
  audited.differences.push(...((await deps.further?.(client)) ?? []));
  return audited;
}

/** Compares what is recorded for each sale; answers what has to be added to the recorded to make it right. */
async function recomputeSales(
  client: Client,
  deps: AuditDeps,
  audited: Audited,
  newest: string,
): Promise<Contribution[]> {
  const adjustments: Contribution[] = [];
  const referenceAt = await readPastReference(client);
  const state = await client.query<{ version: number }>('select version from ops.reference_state');
  await client.query(declareSales(newest).replace('$1', String(state.rows[0]!.version)));
  for (;;) {
    deps.signal?.throwIfAborted();
    const page = await fetchPage(client);
    if (page.length === 0) break;
    const startedMs = performance.now();
    for (const { applied, registered } of page) {
      const fresh = recompute(applied, referenceAt(applied.referenceVersion), deps.parse);
      if (fresh === undefined) audited.unreadable++;
      const wrong = wrongOf(applied, registered, fresh);
      if (wrong.length === 0) continue;
      if (adjustments.length >= 2 * maximumDifferences) {
        audited.complete = false;
        continue;
      }
      audited.differences.push(...wrong);
      if (fresh === undefined || !differs({ applied, fresh })) continue;
      if (applied.contribution !== null) adjustments.push(negated(applied.contribution));
      if (fresh !== null) adjustments.push(fresh);
    }
    audited.sales += page.length;
    deps.progress(audited.sales);
    await deps.pause?.(performance.now() - startedMs);
  }
  await client.query('close audit_sales');
  return adjustments;
}

async function fetchPage(client: Client): Promise<Page> {
  const { rows } = await client.query(`fetch ${salesPerPage} from audit_sales`);
  return rows.map((row) => ({
    applied: appliedOf(row),
    registered: {
      version: row.registered_version,
      contentHash: row.registered_hash,
      isRedacted: row.is_redacted,
    },
  }));
}

/** What is wrong with one sale's row in the registry, and with what is recorded as counted for it. */
function wrongOf(
  applied: Applied,
  registered: Registered,
  fresh: Contribution | null | undefined,
): Difference[] {
  const key = `${applied.source} ${applied.sourceId}${applied.placeScope === '' ? '' : ` ${applied.placeScope}`}`;
  const compare = (figure: string, expected: string, found: string) =>
    expected === found ? [] : [{ table: 'stg.sale', key, figure, expected, found }];
  const version = compare('version', applied.version, registered.version ?? 'none');
  if (version.length > 0) return version;
  const wrong: Difference[] = [];
  if (applied.document !== null && !registered.isRedacted)
    wrong.push(
      ...compare('content_hash', hex(sha256(applied.document)), hex(registered.contentHash ?? nothing)),
    );
  if (fresh === undefined) return wrong;
  if (fresh !== null) {
    wrong.push(...compare('business_date', fresh.date, applied.businessDate));
    wrong.push(...compare('place_id', fresh.place, applied.placeId));
  }
  if (differs({ applied, fresh })) wrong.push(...differingMembers(key, fresh, applied.contribution));
  return wrong;
}

/** Of a contribution only what differs, since it may have thousands of lines. */
function differingMembers(key: string, fresh: Contribution | null, found: Contribution | null): Difference[] {
  const [expected, recorded] = [fresh ?? {}, found ?? {}] as Record<string, unknown>[];
  const members = new Set([...Object.keys(expected!), ...Object.keys(recorded!)]);
  return [...members].flatMap((member) =>
    isDeepStrictEqual(expected![member], recorded![member])
      ? []
      : [
          {
            table: 'stg.journal',
            key,
            figure: `contribution.${member}`,
            expected: JSON.stringify(expected![member]) ?? 'none',
            found: JSON.stringify(recorded![member]) ?? 'none',
          },
        ],
  );
}

const nothing = Buffer.alloc(0);
const hex = (bytes: Buffer) => bytes.toString('hex');

function differencesOf(
  table: string,
  figures: readonly string[],
  row: Record<string, unknown>,
): Difference[] {
  return figures.flatMap((figure) => {
    const expected = String(row[`expected_${figure}`]);
    const found = String(row[`found_${figure}`]);
    return expected === found ? [] : [{ table, key: String(row.key), figure, expected, found }];
  });
}
