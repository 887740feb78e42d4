import type { Lifecycle } from './base/lifecycle.ts';
import type { Log } from './base/log.ts';
import type { Metrics } from './base/metrics.ts';
import type { KafkaConfig } from './cluster-config.ts';
import type { Config } from './config.ts';
import type { Warehouse } from './open-warehouse.ts';
import { createEgress } from './stream/egress.ts';
import { createOutboxSource, pruneOutbox } from './stream/egress-outbox.ts';
import { openEgressProducer } from './stream/egress-producer.ts';
import { startFollower } from './stream/follow.ts';
import { createTopicsClient } from './stream/kafka-topics.ts';
import { createEnrichedOrders } from './warehouse/enriched-orders.ts';

const egressIdleMs = 250;
const pruneIdleMs = 600_000;

export type EgressParts = {
  config: Config;
  kafka: KafkaConfig;
  warehouse: Warehouse;
  log: Log;
  metrics: Metrics;
  lifecycle: Lifecycle;
};

/** Tells others of orders, counters, tags and notifications; of several processes one sends. */
export function startEgress({ config, kafka, warehouse, log, metrics, lifecycle }: EgressParts): void {
  const { pool, reference, parse, epoch, cluster } = warehouse;
  const { topics } = kafka;
  const { identity } = config;
  const orders = createEnrichedOrders({ epoch, identity, topic: topics.enrichedOrders, reference, parse });
  const egress = createEgress({
    ...{ pool, log, metrics },
    sources: [orders, createOutboxSource({ epoch, topics })],
    async openProducer() {
      await makeOutgoingTopics(kafka);
      return await openEgressProducer(kafka, `tillstream-egress-${cluster}`);
    },
  });
  lifecycle.onStop('egress sender', () => egress.stop());
  const sending = startFollower({ name: 'egress', log, step: egress.step, idleMs: egressIdleMs });
  lifecycle.onStop('egress', () => sending.stop());
  const prune = async () => await pruneOutbox(pool);
  const pruning = startFollower({ name: 'outbox', log, step: prune, idleMs: pruneIdleMs });
  lifecycle.onStop('outbox', () => pruning.stop());
}

async function makeOutgoingTopics(kafka: KafkaConfig): Promise<void> {
  const { enrichedOrders, stats, notifications, tags } = kafka.topics;
  const client = createTopicsClient(kafka);
  try {
    await client.ensure([enrichedOrders, stats, notifications, tags]);
  } finally {
    await client.close();
  }
}
