import { type Client, type Database, inTransaction } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { rowsPerStep, sweepDaily } from './stage-daily.ts';

// In key order, as every loader writes names, so that two of them do not wait for each other in a circle.
const upsertNames = `
  insert into ops.product as p (product_id, product_name, named_at)
  select product_id, product_name, $4::timestamptz from (
    select distinct on (product_id) product_id, product_name from stg.daily_line
    where document_id = $1 and number between $2 and $3
    order by product_id, number desc
  ) as newest
  order by product_id
  on conflict (product_id) do update set product_name = excluded.product_name, named_at = excluded.named_at
    where not p.named_by_hand and p.product_name is distinct from excluded.product_name
      and (p.named_at is null or p.product_name is null or p.named_at <= excluded.named_at)`;

const markNamed = 'update stg.daily_document set named = true where document_id = $1';

/** Near enough for "the newest sale's name wins": the date is compared as if it were in UTC. */
const namedAt = (date: string) => `${date}T00:00:00Z`;

export type NamedDocument = { documentId: number; date: string; products: number };

/** Takes over the names of a small file's products within its own transaction. */
export async function nameProducts(client: Client, document: NamedDocument): Promise<void> {
  const { documentId, products, date } = document;
  await client.query({
    name: 'daily-names',
    text: upsertNames,
    values: [documentId, 1, products, namedAt(date)],
  });
  await client.query(markNamed, [documentId]);
}

/** The same of a large one, after it is loaded: names move no figure, and locking many would hold others up. */
export async function nameInSteps(pool: Database, document: NamedDocument): Promise<void> {
  const { documentId, products, date } = document;
  for (let first = 1; first <= products; first += rowsPerStep)
    await pool.query(upsertNames, [documentId, first, first + rowsPerStep - 1, namedAt(date)]);
  await pool.query(markNamed, [documentId]);
}

const unnamed = `
  select d.document_id, e->>'date' as date, (e->>'count')::integer as products
  from stg.daily_document as d
  join stg.journal as j on j.position = d.position
  cross join lateral jsonb_array_elements(j.contributions) as e
  where d.position is not null and not d.named and e->>'sign' = '1'`;

/** At start: removes uploads that never ended, and takes over the names that a program which died left behind. */
export async function tidyDaily(pool: Database, log: Log): Promise<void> {
  try {
    const swept = await sweepDaily(pool);
    if (swept > 0) log.info({ uploads: swept }, 'removed what daily files left that never came to their end');
    await nameLeftovers(pool);
  } catch (error) {
    log.warn({ err: error }, 'leftovers of daily files stay until the next start');
  }
}

async function nameLeftovers(pool: Database): Promise<void> {
  const found = await inTransaction(pool, (client) => client.query(unnamed), 'begin read only');
  for (const row of found.rows)
    await nameInSteps(pool, { documentId: row.document_id, date: row.date, products: row.products });
}
