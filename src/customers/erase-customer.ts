import { type Client, type Database, inTransaction } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { randomId } from '../base/ids.ts';
import { uuid5 } from '../base/uuid5.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { type ProductIdScope, scopedId, scopedIdRule, splitScopedId } from '../sales/id-scope.ts';
import { customerHash, keyCheck } from './erased-customers.ts';
import { customersLock } from './follow-customers.ts';

export type EraseDeps = {
  pool: Database;
  epoch: number;
  jobs: Pick<Jobs, 'enqueue'>;
  erasureKey: string | undefined;
  productIdScope: ProductIdScope;
};

export type Erasing = { erasure_id: number; job_id: string | null };

const insertErased = `
  insert into ops.erased_customer (customer_hash, customer_id, random_id) values ($1, $2, $3)
  on conflict (customer_hash) do nothing returning erasure_id`;

// Made where the follower has not met the customer yet: what it meets later counts for the same number.
const hideCustomer = `
  insert into cdm.customer as c (customer_id, user_id, erased) values ($1, $2, true)
  on conflict (customer_id) do update set erased = true
  returning user_no, user_id`;

/**
 * Erases a person: from COMMIT on nothing shows them, and what names them loads without. A job then takes
 * the id out of the journal. Errors: `not_configured` without ERASURE_KEY; `invalid_parameters` for an id of no place
 * where customers are told apart by it, since nobody would be erased.
 */
export async function eraseCustomer(deps: EraseDeps, customerId: string): Promise<Erasing> {
  const { erasureKey } = deps;
  if (erasureKey === undefined)
    throw new CodedError(
      'not_configured',
      'set ERASURE_KEY to a secret of at least 24 characters and start again: it keeps erased people from coming back with a later document',
    );
  const randomCustomerId = randomIdFor(deps, customerId);
  return await inTransaction(deps.pool, async (client) => {
    // 1. No load is under way, and the next ones know of the erasure: they read the version after the lock.
    await client.query('select pg_advisory_xact_lock(7101)');
    await client.query(`select pg_advisory_xact_lock(${customersLock})`);
    await client.query({
      text: 'insert into ops.erased_customer (customer_hash, done_at) values ($1, now()) on conflict do nothing',
      values: [customerHash(erasureKey, keyCheck)],
    });
    const inserted = await client.query<{ erasure_id: number }>({
      text: insertErased,
      values: [customerHash(erasureKey, customerId), customerId, randomCustomerId],
    });
    const erasureId = inserted.rows[0]?.erasure_id;
    if (erasureId === undefined) return await earlierErasure(client, customerHash(erasureKey, customerId));
    await client.query('update ops.reference_state set version = version + 1');
    // 2. Names, tags and messages go; the counters stay under a number that nobody is shown.
    await hide(client, deps.epoch, customerId, randomCustomerId);
    // 3. The journal is rewritten by a job that exists exactly if the erasure does.
    const jobId = await deps.jobs.enqueue(client, 'erase-customer', { erasure_id: erasureId });
    return { erasure_id: erasureId, job_id: jobId };
  });
}

/** Of the same place as the person's, so that a document that names it still means the same. */
function randomIdFor({ productIdScope }: EraseDeps, customerId: string): string {
  const id = randomId('erased');
  if (productIdScope === 'chain') return id;
  const person = splitScopedId(customerId);
  if (person !== undefined) return scopedId(person.placeId, id);
  const message = `the id of a customer ${scopedIdRule}`;
  const errors = [{ pointer: '/params/id', code: 'other_scope', message }];
  throw new CodedError('invalid_parameters', message, { errors });
}

async function earlierErasure(client: Client, hash: Buffer): Promise<Erasing> {
  const { rows } = await client.query<{ erasure_id: number }>({
    text: 'select erasure_id from ops.erased_customer where customer_hash = $1',
    values: [hash],
  });
  return { erasure_id: rows[0]!.erasure_id, job_id: null };
}

async function hide(
  client: Client,
  epoch: number,
  customerId: string,
  randomCustomerId: string,
): Promise<void> {
  const hidden = await client.query<{ user_no: number; user_id: string }>({
    text: hideCustomer,
    values: [customerId, uuid5(customerId)],
  });
  const { user_no: userNo, user_id: userId } = hidden.rows[0]!;
  await client.query({
    text: 'insert into cdm.customer_alias (customer_id, user_no) values ($1, $2)',
    values: [randomCustomerId, userNo],
  });
  await client.query({ text: 'delete from ops.customer where customer_id = $1', values: [customerId] });
  for (const table of ['reference', 'reference_change', 'reference_wanted'])
    await client.query({
      text: `delete from ops.${table} where kind = 'user' and id = $1`,
      values: [customerId],
    });
  await client.query({ text: 'delete from ops.customer_tag where user_no = $1', values: [userNo] });
  await client.query({
    text: `update ops.outbox set payload = null, entity_key = $2 where entity_key like $1 || '/%'`,
    values: [userId, uuid5(randomCustomerId)],
  });
  // Who keeps something of this person knows them by the same uuid.
  await client.query({
    text: `
      insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
      values ($1, 'tags', 'customer.erased', $2, nextval('ops.outbox_entity_seq'), jsonb_build_object('user_id', $3::text))`,
    values: [epoch, uuid5(randomCustomerId), userId],
  });
}
