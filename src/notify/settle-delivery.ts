import { type Database, inTransaction } from '../base/db.ts';
import type { Claimed } from './claim-deliveries.ts';
import type { Outcome } from './outcome.ts';
import { skipDeliveries } from './skip-deliveries.ts';

/** How an attempt ended: `delayMs` until the next one; undefined where there is none. */
export type Ended = Outcome & { durationMs: number; delayMs: number | undefined };

// Whose lease ran out meanwhile settles nothing: another has it.
const settle = `
  update ops.delivery
  set state = $3, next_try_at = now() + $4 * interval '1 millisecond', lease_id = null, leased_until = null,
    last_error = $5, settled = settled || $6::text[], ended_at = case when $3 = 'waiting' then null else now() end
  where delivery_id = $1 and lease_id = $2 and state = 'waiting'
  returning delivery_id`;

const noteAttempt = `
  update ops.delivery_attempt set duration_ms = $3, outcome = $4, status = $5, error = $6
  where delivery_id = $1 and attempt = $2`;

// Written only where it says something new, so that many deliveries of one channel do not wait for each other; and
// only of the channel as it was when the attempt began, since one that was put meanwhile may lead elsewhere.
const noteWorks = `
  update ops.channel set failing_since = null, last_error = null, last_delivered_at = now()
  where channel_id = $1 and updated_at < $2::timestamptz + interval '1 millisecond'
    and (failing_since is not null or last_delivered_at is null or last_delivered_at < now() - interval '1 second')`;
const noteFails = `
  update ops.channel
  set failing_since = coalesce(failing_since, now()), last_error = $3,
    enabled = enabled and not $4, disabled_reason = case when $4 then $3 else disabled_reason end
  where channel_id = $1 and updated_at < $2::timestamptz + interval '1 millisecond'
    and ($4 or failing_since is null or last_error is distinct from $3)`;

/** Writes how an attempt ended: the attempt, what becomes of the delivery, and how its channel is. */
export async function settleDelivery(pool: Database, claimed: Claimed, ended: Ended): Promise<void> {
  const { delivery_id: id, channel_id: channelId, lease_id: leaseId, attempt_count: attempt } = claimed;
  const { result, status, error, durationMs, delayMs, settled = [], isGone = false } = ended;
  await inTransaction(pool, async (client) => {
    // The channel first, as whoever puts or deletes it does: two that wait for each other would both fail.
    const asItWas = [channelId, claimed.channel_updated_at];
    if (result === 'delivered') await client.query({ text: noteWorks, values: asItWas });
    else await client.query({ text: noteFails, values: [...asItWas, error, isGone] });
    await client.query({ text: noteAttempt, values: [id, attempt, durationMs, result, status, error] });
    const state = result === 'retry' ? 'waiting' : result;
    await client.query({ text: settle, values: [id, leaseId, state, delayMs ?? 0, error, settled] });
    if (isGone) await skipDeliveries(client, channelId);
  });
}

const release = `
  with released as (
    update ops.delivery
    set next_try_at = now(), lease_id = null, leased_until = null, tries = greatest(tries - 1, 0)
    where delivery_id = $1 and lease_id = $2 and state = 'waiting'
  )
  update ops.delivery_attempt
  set duration_ms = $4, outcome = 'stopped', error = 'the notifier stopped before the receiver answered'
  where delivery_id = $1 and attempt = $3`;

/** Gives back what was not sent to its end, for another notifier or the next start. */
export async function releaseDelivery(pool: Database, claimed: Claimed, durationMs: number): Promise<void> {
  const { delivery_id: id, lease_id: leaseId, attempt_count: attempt } = claimed;
  await pool.query({ text: release, values: [id, leaseId, attempt, durationMs] });
}
