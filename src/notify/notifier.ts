import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../base/db.ts';
import type { Log } from '../base/log.ts';
import { type Metrics, observeStage } from '../base/metrics.ts';
import { startFollower } from '../stream/follow.ts';
import { type Claimed, claimDeliveries } from './claim-deliveries.ts';
import { messageIdOf } from './message-id.ts';
import { retryDelayMs, usualDelaysMs } from './retry-delay.ts';
import type { Sender } from './sender.ts';
import { type Ended, releaseDelivery, settleDelivery } from './settle-delivery.ts';
import { watchDeliveries } from './watch-deliveries.ts';

export type NotifierDeps = {
  pool: Database;
  send: Sender;
  log: Log;
  metrics: Metrics;
  /** Milliseconds between the attempts; as many attempts as there are pauses, and one. */
  delaysMs?: readonly number[];
  /** From 0 to 1. */
  random?: () => number;
  leaseMs?: number;
  idleMs?: number;
};

/** Much longer than an attempt may take, so nobody else takes up what is still being sent. */
const usualLeaseMs = 60_000;
const usualIdleMs = 1_000;
const watchIdleMs = 5_000;
/** What is under way at once: to one channel, and to all of them. */
const perChannel = 4;
const mostSending = 256;
/** Together well within a lease. */
const settleTries = 5;
const settlePauseMs = 500;
/** What is under way at the end gets so long; then it is given back. */
const graceMs = 1_000;

/** Sends what waits, several at once and of several processes each its own. `poke` it when there is something new. */
export function createNotifier(deps: NotifierDeps) {
  const { pool, log, metrics, send } = deps;
  const { delaysMs = usualDelaysMs, random = Math.random } = deps;
  const { leaseMs = usualLeaseMs, idleMs = usualIdleMs } = deps;
  const stopping = new AbortController();
  const underWay = new Map<Promise<void>, string>();

  async function step(): Promise<number> {
    const room = mostSending - underWay.size;
    if (room <= 0 || stopping.signal.aborted) return 0;
    const sending = new Map<string, number>();
    for (const channelId of underWay.values()) sending.set(channelId, (sending.get(channelId) ?? 0) + 1);
    const claimed = await claimDeliveries(pool, sending, { perChannel, all: room, leaseMs });
    for (const one of claimed) {
      const work = deliver(one)
        .catch((error) =>
          log.warn({ err: error, delivery: one.delivery_id }, 'a delivery waits for its lease to end'),
        )
        .finally(() => {
          underWay.delete(work);
          following.poke();
        });
      underWay.set(work, one.channel_id);
    }
    return claimed.length;
  }

  async function deliver(claimed: Claimed): Promise<void> {
    const startedMs = performance.now();
    const durationMs = () => Math.round(performance.now() - startedMs);
    const id = messageIdOf(claimed.event_id, claimed.channel_id);
    const toSend = { id, event: claimed.payload, settled: claimed.settled };
    let outcome: Awaited<ReturnType<Sender>>;
    try {
      outcome = await send(claimed, toSend, stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
      return await releaseDelivery(pool, claimed, durationMs());
    }
    observeStage(metrics, 'notifier', 'send', startedMs);
    const delayMs = retryDelayMs(claimed.tries, delaysMs, outcome.retryAfterMs, random());
    const isOver = outcome.result === 'retry' && delayMs === undefined;
    const ended = {
      ...outcome,
      ...(isOver && { result: 'failed' as const }),
      durationMs: durationMs(),
      delayMs,
    };
    await settle(claimed, ended);
    tell(claimed, ended);
  }

  /** What was sent and is not written down would be sent again, so a database that is away is waited for. */
  async function settle(claimed: Claimed, ended: Ended): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await settleDelivery(pool, claimed, ended);
      } catch (error) {
        if (tries === settleTries || stopping.signal.aborted) throw error;
        await sleep(settlePauseMs * tries);
      }
    }
  }

  function tell(
    claimed: Claimed,
    { result, status, error }: { result: string; status: number | null; error: string | null },
  ) {
    const { kind, channel_id: channel, delivery_id: delivery, attempt_count: attempt } = claimed;
    metrics.deliveries.inc({ kind, outcome: result });
    if (result === 'delivered') {
      metrics.deliverySeconds.observe({ kind }, Math.max(Date.now() - claimed.event_at.getTime(), 0) / 1000);
      return;
    }
    const line = { channel, kind, delivery, attempt, status, why: error };
    if (result === 'failed')
      log.error(line, 'a delivery failed for good; POST /api/deliveries/{id}/resend sends it again');
    else log.warn(line, 'a delivery failed; it is tried again');
  }

  const following = startFollower({ name: 'notifier', log, step, idleMs });
  const watch = () => watchDeliveries(pool, metrics);
  const watching = startFollower({ name: 'deliveries', log, step: watch, idleMs: watchIdleMs });

  return {
    poke: () => following.poke(),
    async stop(): Promise<void> {
      await Promise.all([following.stop(), watching.stop()]);
      const giveUp = setTimeout(() => stopping.abort(new Error('the notifier stops')), graceMs);
      await Promise.all(underWay.keys());
      clearTimeout(giveUp);
    },
  };
}

export type Notifier = ReturnType<typeof createNotifier>;
