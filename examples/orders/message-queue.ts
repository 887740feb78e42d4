import type { OrderMessage } from './order-life.ts';

export type Sent = { arrivesMs: number; sequence: number; message: OrderMessage };

const isBefore = (one: Sent, other: Sent) =>
  one.arrivesMs < other.arrivesMs || (one.arrivesMs === other.arrivesMs && one.sequence < other.sequence);

/** Messages on their way, the next to arrive first (a binary heap): only those that are under way are held. */
export class MessageQueue {
  private readonly heap: Sent[] = [];

  peek(): Sent | undefined {
    return this.heap[0];
  }

  add(sent: Sent): void {
    const { heap } = this;
    heap.push(sent);
    let index = heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(heap[index]!, heap[parent]!)) return;
      this.swap(index, parent);
      index = parent;
    }
  }

  take(): Sent | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let index = 0; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2])
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      if (least === index) return first;
      this.swap(index, least);
      index = least;
    }
  }

  private swap(one: number, other: number): void {
    const kept = this.heap[one]!;
    this.heap[one] = this.heap[other]!;
    this.heap[other] = kept;
  }
}
