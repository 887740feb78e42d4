import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../src/base/db.ts';

/** An alert as its writer tells it. */
export function alertEvent(changes: Record<string, unknown> = {}) {
  return {
    event_id: randomUUID() as string,
    type: 'alert.fired',
    created_at: new Date().toISOString(),
    id: 1,
    rule_id: 1,
    rule_name: 'Low sales',
    kind: 'threshold',
    metric: 'net',
    place_id: 'store-1',
    place_name: 'Store <ABC>',
    product_id: null,
    category: null,
    currency: 'RUB',
    value: 812.5,
    baseline: 1500,
    threshold: 1000,
    window: { from: '2026-01-31T11:00:00.000Z', to: '2026-01-31T12:00:00.000Z' },
    explanation: {
      text: 'net is 812.5',
      drivers: [{ kind: 'product', id: 'latte', name: 'Latte & co', value: 12, baseline: 40, change: -28 }],
    },
    fired_at: '2026-01-31T12:00:05.000Z',
    resolved_at: null,
    state: 'firing',
    channels: ['ops'],
    ...changes,
  };
}

const insert = `
  insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
  select (select epoch from ops.installation), 'notifications', e->>'type', 'alert:' || coalesce(e->>'id', ''),
    nextval('ops.outbox_entity_seq'), e
  from unnest($1::jsonb[]) with ordinality as i(e, number) order by number`;

/** Writes events into the outbox, in this order. */
export async function tellEvents(pool: Database, events: readonly Record<string, unknown>[]): Promise<void> {
  await pool.query({ text: insert, values: [events.map((event) => JSON.stringify(event))] });
}

/** Waits until something holds; fails with its name where it does not come about. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 12_000; tries++) {
    if (await holds()) return;
    await sleep(10);
  }
  throw new Error(`${what}: not within two minutes`);
}
