import type { Queryable } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { describeGap } from '../stream/assign-partitions.ts';
import {
  createTopicsClient,
  maximumMessageBytes,
  type TopicPartition,
  type TopicsClient,
} from '../stream/kafka-topics.ts';
import { partitionKey, readStreamOffsets } from '../stream/stream-offsets.ts';

type KafkaConfig = NonNullable<Config['kafka']>;
export type Finding = { level: 'ok' | 'warn' | 'fail'; text: string };

const muchLag = 100_000;

/** Brokers, the topics that documents come in by, their settings, and where the partitions stand. */
export async function diagnoseKafka(kafka: KafkaConfig, pool: Queryable): Promise<Finding[]> {
  const topics = createTopicsClient(kafka);
  try {
    const existing = await topics.existing();
    const findings: Finding[] = [{ level: 'ok', text: `Kafka at ${kafka.brokers.join(', ')} answers` }];
    for (const topic of [kafka.topics.transactions, kafka.topics.orders]) {
      if (existing.has(topic)) findings.push(...(await diagnoseTopic(topics, kafka, topic, pool)));
      else
        findings.push({
          level: 'warn',
          text: `topic ${topic} is not there; the next start of a collector or a processor makes it`,
        });
    }
    // Whoever sends to channels makes it; without one it is not missed.
    const { notifications } = kafka.topics;
    if (existing.has(notifications))
      findings.push(...(await diagnoseTopic(topics, kafka, notifications, pool)));
    return [...findings, await countReaders(pool)];
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return [{ level: 'fail', text: error.message }];
  } finally {
    await topics.close();
  }
}

async function diagnoseTopic(
  topics: TopicsClient,
  kafka: KafkaConfig,
  topic: string,
  pool: Queryable,
): Promise<Finding[]> {
  const partitions = await topics.partitions([topic]);
  const settings = await topics.settings(topic);
  return [
    ...checkSettings(topic, partitions, settings, kafka),
    ...(await checkOffsets(topics, topic, partitions, pool)),
  ];
}

function checkSettings(
  topic: string,
  partitions: readonly TopicPartition[],
  settings: ReadonlyMap<string, string | null>,
  kafka: KafkaConfig,
): Finding[] {
  const findings: Finding[] = [];
  const largest = Number(settings.get('max.message.bytes'));
  const replicas = Math.min(...partitions.map((partition) => partition.replicas));
  if (largest < maximumMessageBytes)
    findings.push({
      level: 'warn',
      text: `topic ${topic}: max.message.bytes is ${largest}, and larger documents are refused; set it to ${maximumMessageBytes}`,
    });
  if (settings.get('cleanup.policy') !== 'delete')
    findings.push({
      level: 'fail',
      text: `topic ${topic}: cleanup.policy is ${settings.get('cleanup.policy')}, which removes documents of a place for its newest; set it to delete`,
    });
  if (replicas < kafka.replication)
    findings.push({
      level: 'warn',
      text: `topic ${topic} has ${replicas} replicas, KAFKA_REPLICATION is ${kafka.replication}; add replicas to the topic`,
    });
  const leaderless = partitions.filter(({ leader }) => leader < 0).length;
  if (leaderless > 0)
    findings.push({
      level: 'fail',
      text: `topic ${topic}: ${leaderless} partitions have no leader; start their brokers`,
    });
  if (findings.length === 0)
    findings.push({
      level: 'ok',
      text: `topic ${topic}: ${partitions.length} partitions, ${replicas} replicas`,
    });
  return findings;
}

async function checkOffsets(
  topics: TopicsClient,
  topic: string,
  partitions: readonly TopicPartition[],
  pool: Queryable,
): Promise<Finding[]> {
  const ranges = await topics.ranges(partitions);
  const stored = await readStreamOffsets(pool, partitions);
  const gaps: Finding[] = [];
  let lag = 0;
  for (const [index, partition] of partitions.entries()) {
    const range = ranges[index]!;
    const next = stored.get(partitionKey(partition)) ?? range.first;
    if (next < range.first || next > range.end)
      gaps.push({ level: 'fail', text: describeGap(partition, next, range) });
    else lag += range.end - next;
  }
  const text = `topic ${topic}: ${lag} messages are not loaded yet`;
  return [...gaps, { level: lag >= muchLag ? 'warn' : 'ok', text }];
}

async function countReaders(pool: Queryable): Promise<Finding> {
  const { rows } = await pool.query(
    "select count(*) as alive from stg.stream_reader where seen_at > now() - interval '5 seconds' and reader_group = 'tillstream-processor'",
  );
  const alive: number = rows[0].alive;
  if (alive > 0) return { level: 'ok', text: `processors that read the topics: ${alive}` };
  return { level: 'warn', text: 'no processor reads the topics; start one with --roles processor' };
}
