import { systemClock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import type { Metrics } from './base/metrics.ts';
import type { KafkaConfig } from './cluster-config.ts';
import type { Config } from './config.ts';
import { takeMessages } from './notify/take-messages.ts';
import type { Warehouse } from './open-warehouse.ts';
import { createKafkaConsumer, type KafkaConsumer } from './stream/kafka-consumer.ts';
import { createKafkaStream } from './stream/kafka-stream.ts';
import { createTopicsClient } from './stream/kafka-topics.ts';
import { readMessage } from './stream/read-message.ts';
import { readStreamKey } from './stream/stream-offsets.ts';
import { createTopicFollower } from './stream/topic-follower.ts';
import { findVerdicts } from './warehouse/find-verdicts.ts';

export type StreamOptions = {
  config: Config;
  kafka: KafkaConfig;
  warehouse: Warehouse;
  log: Log;
  metrics: Metrics;
};

/** Makes those topics that are missing. Error `stream_unavailable`. */
export async function makeTopics(kafka: KafkaConfig, names: readonly string[], log: Log): Promise<void> {
  const topics = createTopicsClient(kafka);
  try {
    const made = await topics.ensure(names);
    if (made.length > 0) log.info({ topics: made, partitions: kafka.partitions }, 'topics were made');
  } finally {
    await topics.close();
  }
}

/** Where the logs of the topics end, for who looks how far behind they are loaded. */
export function openStreamEnds(kafka: KafkaConfig) {
  const topics = createTopicsClient(kafka);
  return {
    async read() {
      const partitions = await topics.partitions([kafka.topics.transactions, kafka.topics.orders]);
      const ranges = await topics.ranges(partitions);
      return partitions.map(({ topicId, partition }, index) => ({
        ...{ topicId, partition, end: ranges[index]!.end },
      }));
    },
    close: () => topics.close(),
  };
}

/** Where the collector puts documents. */
export async function openKafkaStream({ config, kafka, warehouse, log, metrics }: StreamOptions) {
  const { pool } = warehouse;
  return createKafkaStream({
    ...{ kafka, log, clock: systemClock },
    key: await readStreamKey(pool, config.streamKey),
    findVerdicts: (sent) => findVerdicts(pool, sent),
    onSent(topic, partition, messages) {
      metrics.messages.inc({ role: 'collector', topic, direction: 'out', verdict: 'sent' }, messages);
      const labels = { group: 'tillstream-collector', topic, partition: String(partition) };
      metrics.streamMessages.inc({ ...labels, direction: 'out' }, messages);
    },
  });
}

/** What the processor reads. */
export async function openKafkaConsumer(options: StreamOptions): Promise<KafkaConsumer> {
  const { config, kafka, warehouse, log, metrics } = options;
  const { pool, parse, resolvedDefaults: resolved, load, admit } = warehouse;
  const key = await readStreamKey(pool, config.streamKey);
  const reading = { key, parse, resolved, ordersTopic: kafka.topics.orders, clock: systemClock, log };
  return createKafkaConsumer({
    ...{ kafka, pool, load, admit, log, metrics },
    read: (message) => readMessage(reading, message),
  });
}

/** What the notifier reads. */
export function openNotifications(
  options: StreamOptions,
  onTaken: () => void,
): { ask(): Promise<string>; stop(): Promise<void> } {
  const { kafka, warehouse, log, metrics } = options;
  return createTopicFollower({
    ...{ kafka, topic: kafka.topics.notifications, group: 'tillstream-notifier' },
    ...{ pool: warehouse.pool, log, metrics, onTaken },
    take: (client, messages) => takeMessages(client, messages, { log, metrics }),
  });
}
