import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, Consumer, stringDeserializers } from '@platformatic/kafka';
import type { Topics } from '../../src/cluster-config.ts';

export type Told = {
  topic: string;
  partition: number;
  key: string;
  value: any;
  id: string;
  event: string;
  seq: number;
};

/** Everything that was sent to some topics, from their beginning, as it comes in. */
export async function readTopics(brokers: string[], topics: readonly string[]) {
  const consumer = new Consumer({
    clientId: 'reader',
    groupId: `reader-${randomUUID()}`,
    bootstrapBrokers: brokers,
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({
    topics: [...topics],
    mode: 'earliest',
    autocommit: false,
    maxWaitTime: 100,
  });
  const told: Told[] = [];
  stream.on('data', ({ topic, partition, key, value, headers }) => {
    told.push({
      ...{ topic, partition, key: String(key), value: JSON.parse(String(value)) },
      id: headers.get('event-id')!,
      event: headers.get('event')!,
      seq: Number(headers.get('entity-seq')),
    });
  });
  stream.on('error', () => {});
  return {
    told,
    /** Waits until so much was told that this is true. */
    async until(what: string, isTold: (told: Told[]) => boolean): Promise<void> {
      for (let attempt = 0; attempt < 900; attempt++) {
        if (isTold(told)) return;
        await sleep(50);
      }
      throw new Error(`never told: ${what}; ${JSON.stringify(told.slice(-5))}`);
    },
    close: () => consumer.close(true),
  };
}

export async function makeTopics(brokers: string[], topics: Partial<Topics>, partitions = 3): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: brokers });
  const there = new Set(await admin.listTopics());
  const missing = Object.values(topics).filter((name) => !there.has(name));
  if (missing.length > 0) await admin.createTopics({ topics: missing, partitions, replicas: 1 });
  await admin.close();
}
