import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { CodedError, type Problem } from '../base/errors.ts';
import type { Arrival, Incoming, Verdict } from '../sales/sale.ts';
import type { Stream } from '../stream/stream.ts';
import { noSuchRow, readStored, type StoredDocument } from './search-journal.ts';

export type ReplayDeps = {
  pool: Database;
  stream: Stream;
  parse: (arrival: Arrival) => Incoming;
  clock: Clock;
};

export type ReplayRequest = {
  positions: string[];
  /** Instead of the stored body; only for a single position. */
  document?: Buffer;
  tokenId?: string;
  boundPlaceId?: string;
  deadlineMs: number;
};

export type Replayed = { replay_of: string; position: string; verdict: Verdict; errors?: Problem[] };

/** What was kept but did not count may be tried again; what counts already would only be a duplicate. */
const replayable: readonly Verdict[] = ['rejected', 'conflict', 'stale', 'ignored'];

/**
 * Sends stored documents through the same path as new ones. Each leaves a journal row of its own that names
 * the first. Errors: `not_found` for an unknown position, `invalid_parameters` for one that counts already.
 */
export async function replayDocuments(deps: ReplayDeps, request: ReplayRequest): Promise<Replayed[]> {
  const arrivals = await arrivalsOf(deps, request);
  const outcomes = await deps.stream.append(
    arrivals.map((arrival) => deps.parse(arrival)),
    request.deadlineMs,
  );
  return outcomes.map((outcome, index) => ({
    replay_of: request.positions[index]!,
    position: outcome?.position ?? '',
    verdict: outcome?.verdict ?? 'accepted',
    ...(outcome === undefined || outcome.problems.length === 0 ? {} : { errors: outcome.problems }),
  }));
}

/** What a document would be rejected for if it was replayed; empty where nothing is. Errors as of a replay. */
export async function checkReplay(deps: ReplayDeps, request: ReplayRequest): Promise<Problem[]> {
  const [arrival] = await arrivalsOf(deps, request);
  const incoming = deps.parse(arrival!);
  return incoming.sale === undefined && incoming.verdict === 'rejected' ? incoming.problems : [];
}

export function isReplayable({ verdict, source, body }: StoredDocument): boolean {
  return replayable.includes(verdict) && source !== 'daily' && body !== null;
}

async function arrivalsOf(deps: ReplayDeps, request: ReplayRequest): Promise<Arrival[]> {
  const stored = await readStored(deps.pool, request.positions);
  const found = new Map(stored.map((row) => [row.position, row]));
  const { boundPlaceId } = request;
  const arrivals: Arrival[] = [];
  for (const position of request.positions) {
    const row = found.get(position);
    if (row === undefined || (boundPlaceId !== undefined && row.placeId !== boundPlaceId))
      throw await noSuchRow(deps.pool, position);
    arrivals.push(arrivalOf(row, position, request, deps.clock.nowMs()));
  }
  return arrivals;
}

function arrivalOf(row: StoredDocument, position: string, request: ReplayRequest, nowMs: number): Arrival {
  if (!replayable.includes(row.verdict)) {
    throw new CodedError(
      'invalid_parameters',
      `row ${position} is ${row.verdict}; only ${replayable.join(', ')} documents are replayed`,
    );
  }
  if (row.source === 'daily') {
    const message = `row ${position} is a daily file; send the file itself again, with ?replace=true to correct its day`;
    throw new CodedError('invalid_parameters', message);
  }
  const body = request.document ?? row.body;
  if (body === null) throw new CodedError('invalid_parameters', `row ${position} keeps no body`);
  return {
    source: row.source,
    receivedAtMs: nowMs,
    contentType: request.document === undefined ? row.contentType : 'application/json',
    body,
    resolved: row.resolved,
    replayOf: position,
    ...(request.tokenId === undefined ? {} : { tokenId: request.tokenId }),
    ...(request.boundPlaceId === undefined ? {} : { boundPlaceId: request.boundPlaceId }),
  };
}
