import { Admin, ConfigResourceTypes, findErrorBy, ListOffsetTimestamps } from '@platformatic/kafka';
import { CodedError } from '../base/errors.ts';
import type { KafkaConfig } from '../cluster-config.ts';
import { kafkaConnection } from './kafka-connection.ts';
import { explainKafkaTrouble } from './kafka-trouble.ts';
import type { PartitionId } from './stream-offsets.ts';

/** A document of 1 MiB with its headers, or a batch of small ones, has to fit. */
export const maximumMessageBytes = 2 * 1024 * 1024;
const keepForever = '-1';

export type TopicPartition = PartitionId & { leader: number; replicas: number };
/** `first` is the oldest message that is kept, `end` the offset after the newest. */
export type LogRange = { first: number; end: number };

/** Topics, partitions and the range of their logs. Errors: `stream_unavailable` where no broker answers. */
export function createTopicsClient(kafka: KafkaConfig) {
  const connection = kafkaConnection(kafka, 'tillstream-topics');
  const admin = new Admin({ ...connection, retries: 1, retryDelay: 200, connectTimeout: 2_000 });

  async function asking<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw unavailable(kafka, error);
    }
  }

  async function existing(): Promise<Set<string>> {
    return new Set(await admin.listTopics({ includeInternals: false }));
  }

  return {
    /** Makes those that are missing; another process may make them at the same time. */
    async ensure(names: readonly string[]): Promise<string[]> {
      return await asking(async () => {
        const there = await existing();
        const missing = names.filter((name) => !there.has(name));
        if (missing.length === 0) return [];
        try {
          await admin.createTopics({
            topics: missing,
            partitions: kafka.partitions,
            replicas: kafka.replication,
            configs: [
              { name: 'max.message.bytes', value: String(maximumMessageBytes) },
              { name: 'retention.ms', value: keepForever },
            ],
          });
        } catch (error) {
          if (findErrorBy(error as Error, 'apiId', 'TOPIC_ALREADY_EXISTS') === null) throw error;
        }
        return missing;
      });
    },

    existing: () => asking(existing),

    /** Every partition of those topics that are there. */
    async partitions(names: readonly string[]): Promise<TopicPartition[]> {
      return await asking(async () => {
        const { topics } = await admin.metadata({ topics: [...names], forceUpdate: true });
        return [...topics].flatMap(([topic, { id, partitions }]) =>
          partitions.map(({ leader, replicas }, partition) => ({
            ...{ topicId: id, topic, partition, leader },
            replicas: replicas.length,
          })),
        );
      });
    },

    async ranges(partitions: readonly PartitionId[]): Promise<LogRange[]> {
      if (partitions.length === 0) return [];
      return await asking(async () => {
        const [first, end] = await Promise.all([
          offsetsAt(admin, partitions, ListOffsetTimestamps.EARLIEST),
          offsetsAt(admin, partitions, ListOffsetTimestamps.LATEST),
        ]);
        return partitions.map((_, index) => ({ first: first[index]!, end: end[index]! }));
      });
    },

    /** The settings of a topic, by name. */
    async settings(topic: string): Promise<Map<string, string | null>> {
      return await asking(async () => {
        const [described] = await admin.describeConfigs({
          resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }],
        });
        return new Map(described!.configs.map(({ name, value }) => [name, value ?? null]));
      });
    },

    close: () => admin.close(),
  };
}

export type TopicsClient = ReturnType<typeof createTopicsClient>;

async function offsetsAt(
  admin: Admin,
  partitions: readonly PartitionId[],
  timestamp: bigint,
): Promise<number[]> {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  const listed = await admin.listOffsets({
    topics: [...byTopic].map(([name, list]) => ({
      name,
      partitions: list.map(({ partition }) => ({ partitionIndex: partition, timestamp })),
    })),
  });
  const found = new Map(
    listed.flatMap(({ name, partitions: list }) =>
      list.map(({ partitionIndex, offset }) => [`${name}/${partitionIndex}`, Number(offset)] as const),
    ),
  );
  return partitions.map(({ topic, partition }) => found.get(`${topic}/${partition}`)!);
}

function unavailable(kafka: KafkaConfig, cause: unknown): CodedError {
  const message = `Kafka at ${kafka.brokers.join(', ')}: ${explainKafkaTrouble(cause)}`;
  return new CodedError('stream_unavailable', message, { cause, retryAfterSeconds: 2 });
}
