import { binaryArray, binaryColumn, type Client, sparseColumn } from '../base/db.ts';
import { sha256 } from '../base/ids.ts';
import type { Arrival, Incoming, Verdict } from '../sales/sale.ts';

/** One row to be written; `contributions` is JSON text, `undefined` where no figure moves. */
export type JournalRow = {
  position: number;
  arrival: Incoming;
  verdict: Verdict;
  problems: string | undefined;
  contributions: string | undefined;
  saleSeq: number | undefined;
  referenceVersion: number | undefined;
  /** A duplicate keeps no second body. */
  keepBody: boolean;
  /** What a trouble is known by when it comes again, where that is not its body. */
  fingerprint?: Buffer;
};

/** What was resolved for each arrival is mostly the same: as JSON each once, and for each arrival its number. */
export function resolvedColumns(arrivals: readonly Arrival[]): [Buffer, Buffer] {
  const byObject = new Map<object, number>();
  const byText = new Map<string, number>();
  const numberOf = (resolved: object): number => {
    const text = JSON.stringify(resolved);
    const number = byText.get(text) ?? byText.size + 1;
    byText.set(text, number);
    byObject.set(resolved, number);
    return number;
  };
  const numbers = binaryColumn(
    'int4',
    arrivals,
    ({ resolved }) => byObject.get(resolved) ?? numberOf(resolved),
  );
  return [binaryArray('jsonb', [...byText.keys()]), numbers];
}

export async function reservePositions(client: Client, count: number): Promise<number[]> {
  const { rows } = await client.query<{ position: number }>({
    name: 'reserve-positions',
    text: "select nextval('stg.journal_position') as position from generate_series(1, $1)",
    values: [count],
  });
  return rows.map((row) => row.position);
}

// Arrays are unnested one by one: `from unnest($1, $2)` writes each of them to a store of its own first.
const insertRows = `
  insert into stg.journal (position, epoch, received_at, source, source_id, version, sale_seq, verdict, place_id,
    problems, resolved, contributions, reference_version, document, content_type, token_id, replay_of, topic, partition, "offset")
  select i.position, $1, i.received_at, i.source, i.source_id, i.version, i.sale_seq, i.verdict, i.place_id,
    i.problems, ($11::jsonb[])[i.resolved_number], i.contributions, i.reference_version, i.document, i.content_type, i.token_id, i.replay_of, i.topic, i.partition, i."offset"
  from (
    select unnest($2::int8[]) as position, unnest($3::timestamptz[]) as received_at, unnest($4::text[]) as source,
      unnest($5::text[]) as source_id, unnest($6::text[]) as version, unnest($7::int4[]) as sale_seq,
      unnest($8::text[]) as verdict, unnest($9::text[]) as place_id, unnest($10::jsonb[]) as problems,
      unnest($21::int4[]) as resolved_number, unnest($12::jsonb[]) as contributions, unnest($13::int8[]) as reference_version,
      unnest($14::bytea[]) as document, unnest($15::text[]) as content_type, unnest($16::text[]) as token_id,
      unnest($17::int8[]) as replay_of, unnest($18::text[]) as topic, unnest($19::int4[]) as partition,
      unnest($20::int8[]) as "offset"
  ) as i`;

/** Appends rows to the journal; the caller's transaction gives them their place in the order of followers. */
export async function appendRows(client: Client, epoch: number, rows: readonly JournalRow[]): Promise<void> {
  if (rows.length === 0) return;
  const arrivals = rows.map((row) => row.arrival);
  const [resolved, resolvedNumbers] = resolvedColumns(arrivals);
  await client.query({
    name: 'append-journal',
    text: insertRows,
    values: [
      epoch,
      binaryColumn('int8', rows, (row) => row.position),
      binaryColumn('timestamptz', arrivals, (arrival) => arrival.receivedAtMs),
      binaryColumn('text', arrivals, (arrival) => arrival.source),
      binaryColumn(
        'text',
        arrivals,
        (arrival) => arrival.sale?.sourceId ?? (arrival.sale ? null : arrival.sourceId),
      ),
      binaryColumn('text', arrivals, (arrival) => arrival.sale?.version),
      binaryColumn('int4', rows, (row) => row.saleSeq),
      binaryColumn('text', rows, (row) => row.verdict),
      binaryColumn('text', arrivals, placeOf),
      sparseColumn('jsonb', rows, (row) => row.problems),
      resolved,
      sparseColumn('jsonb', rows, (row) => row.contributions),
      binaryColumn('int8', rows, (row) => row.referenceVersion),
      binaryColumn('bytea', rows, (row) => (row.keepBody ? row.arrival.body : null)),
      binaryColumn('text', arrivals, (arrival) => arrival.contentType),
      binaryColumn('text', arrivals, (arrival) => arrival.tokenId),
      sparseColumn('int8', arrivals, (arrival) =>
        arrival.replayOf === undefined ? null : Number(arrival.replayOf),
      ),
      ...originColumns(arrivals),
      resolvedNumbers,
    ],
  });
}

/** Topic, partition and offset; null for what came another way. */
export function originColumns(arrivals: readonly Arrival[]): Buffer[] {
  return [
    sparseColumn('text', arrivals, ({ origin }) => origin?.topic),
    sparseColumn('int4', arrivals, ({ origin }) => origin?.partition),
    sparseColumn('int8', arrivals, ({ origin }) => origin?.offset),
  ];
}

function placeOf(arrival: Incoming): string {
  // A bound token's refused document is shown to its own place, never to the one it named.
  if (arrival.sale !== undefined) return arrival.boundPlaceId ?? arrival.sale.placeId;
  return arrival.boundPlaceId ?? arrival.placeId ?? arrival.resolved.placeId;
}

/** Two arrivals with one fingerprint are the same trouble seen twice. */
export function fingerprintOf(verdict: Verdict, arrival: Incoming): Buffer {
  const place = arrival.boundPlaceId ?? '';
  return sha256(
    Buffer.concat([
      Buffer.from(`${verdict}\n${arrival.source}\n${place}\n${arrival.replayOf ?? ''}\n`),
      arrival.body,
    ]),
  );
}

const countRepeats = `
  insert into stg.repeat as r (fingerprint, position, seen_count, last_seen_at)
  select * from unnest($1::bytea[], $2::int8[], $3::int8[], $4::timestamptz[]) as i(fingerprint, position, count, at)
  order by i.fingerprint
  on conflict (fingerprint) do update
    set seen_count = r.seen_count + excluded.seen_count, last_seen_at = greatest(r.last_seen_at, excluded.last_seen_at)
  returning fingerprint, position`;

/**
 * Writes conflicts and rejections: one that is in the journal already only counts up. Sets each row's
 * `position` to the row that holds the body.
 */
export async function appendTroubles(
  client: Client,
  epoch: number,
  rows: readonly JournalRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const groups = new Map<string, { fingerprint: Buffer; rows: JournalRow[] }>();
  for (const row of rows) {
    const fingerprint = row.fingerprint ?? fingerprintOf(row.verdict, row.arrival);
    const key = fingerprint.toString('latin1');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { fingerprint, rows: [row] });
    else group.rows.push(row);
  }
  const list = [...groups.values()];
  const { rows: known } = await client.query<{ fingerprint: Buffer; position: number }>({
    name: 'count-repeats',
    text: countRepeats,
    values: [
      binaryColumn('bytea', list, (group) => group.fingerprint),
      binaryColumn('int8', list, (group) => group.rows[0]!.position),
      binaryColumn('int8', list, (group) => group.rows.length),
      binaryColumn('timestamptz', list, (group) => group.rows.at(-1)!.arrival.receivedAtMs),
    ],
  });
  const fresh: JournalRow[] = [];
  for (const { fingerprint, position } of known) {
    const group = groups.get(fingerprint.toString('latin1'))!;
    const first = group.rows[0]!;
    if (first.position === position) fresh.push(first);
    for (const row of group.rows) row.position = position;
  }
  await appendRows(
    client,
    epoch,
    fresh.sort((a, b) => a.position - b.position),
  );
}
