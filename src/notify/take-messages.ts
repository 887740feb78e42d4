import type { Client } from '../base/db.ts';
import type { StreamMessage } from '../stream/read-message.ts';
import { type TakeDeps, takeNotifications } from './take-notifications.ts';

/** Takes notifications from messages of the topic, whoever wrote them, in the caller's transaction. */
export async function takeMessages(
  client: Client,
  messages: readonly StreamMessage[],
  deps: TakeDeps,
): Promise<void> {
  const incoming = messages.map(({ value, headers, origin }) => ({
    value: parse(value),
    entitySeq: readSeq(headers),
    from: { topic: origin.topic, partition: origin.partition, offset: origin.offset },
  }));
  await takeNotifications(client, incoming, deps);
}

/** Undefined where it is no JSON, which is no notification either. */
function parse(value: Buffer | null): unknown {
  try {
    return JSON.parse(value?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}

function readSeq(headers: StreamMessage['headers']): number {
  const header = headers.find(([name]) => name?.toString() === 'entity-seq')?.[1]?.toString() ?? '';
  const seq = Number(header);
  return /^\d+$/.test(header) && Number.isSafeInteger(seq) ? seq : 0;
}
