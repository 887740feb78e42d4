import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

type OrderLine = {
  payload: {
    restaurant: { id: string };
    order_items: unknown[];
    cost: number;
    final_status: string;
    [member: string]: unknown;
  };
};

const sampledOrders = 300;

/** The first closed orders of the demo's file, to be sold once more; none where the folder has no such file. */
export async function sampleOrders(file: string): Promise<OrderLine[]> {
  if (!existsSync(file)) return [];
  const sample: OrderLine[] = [];
  const lines = createInterface({ input: createReadStream(file) });
  for await (const line of lines) {
    const order = JSON.parse(line) as OrderLine;
    if (order.payload.final_status === 'CLOSED') sample.push(order);
    if (sample.length === sampledOrders) break;
  }
  lines.close();
  return sample;
}

/** An order like one of the sample, closed now; `now` is a local time, `2024-01-01 12:00:00`. */
export function makeOrder(
  sample: readonly OrderLine[],
  random: () => number,
  { objectId, now }: { objectId: number; now: string },
): Record<string, unknown> {
  const { payload } = sample[Math.floor(random() * sample.length)]!;
  return {
    object_id: objectId,
    object_type: 'order',
    sent_dttm: now,
    payload: { ...payload, date: now, update_ts: now, statuses: [{ status: 'CLOSED', dttm: now }] },
  };
}
