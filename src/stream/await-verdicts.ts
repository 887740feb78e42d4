import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Incoming, Origin, Outcome } from '../sales/sale.ts';

export type SentDocument = {
  incoming: Incoming;
  origin: Pick<Origin, 'topicId' | 'topic' | 'partition' | 'offset'>;
};
/** `undefined` where a document is not loaded yet, `null` where its verdict cannot be told. */
export type FindVerdicts = (sent: readonly SentDocument[]) => Promise<(Outcome | null | undefined)[]>;

type Waiting = { sent: SentDocument; untilMs: number; resolve: (outcome: Outcome | undefined) => void };

const lookAgainMs = 25;
const documentsPerLook = 2_000;

/** For requests that want to know what became of their documents: one query a look, however many wait. */
export function createVerdictWaiter(deps: { find: FindVerdicts; clock: Clock; log: Log }) {
  let waiting: Waiting[] = [];
  let looking = false;

  async function look(): Promise<void> {
    const asked = waiting.slice(0, documentsPerLook);
    const found = await deps.find(asked.map(({ sent }) => sent));
    const done = new Set<Waiting>();
    for (const [index, entry] of asked.entries()) {
      const outcome = found[index];
      if (outcome === undefined && entry.untilMs > deps.clock.nowMs()) continue;
      done.add(entry);
      entry.resolve(outcome ?? undefined);
    }
    // Those that were looked for go to the end, so that everybody's turn comes.
    const rest = asked.filter((entry) => !done.has(entry));
    waiting = [...waiting.slice(asked.length), ...rest];
  }

  async function run(): Promise<void> {
    looking = true;
    while (waiting.length > 0) {
      try {
        await look();
      } catch (error) {
        deps.log.warn({ err: error }, 'verdicts could not be read');
        const now = deps.clock.nowMs();
        for (const entry of waiting) if (entry.untilMs <= now) entry.resolve(undefined);
        waiting = waiting.filter((entry) => entry.untilMs > now);
      }
      if (waiting.length > 0) await sleep(lookAgainMs);
    }
    looking = false;
  }

  return async (sent: readonly SentDocument[], untilMs: number): Promise<(Outcome | undefined)[]> => {
    const answers = sent.map(
      (document) =>
        new Promise<Outcome | undefined>((resolve) => {
          waiting.push({ sent: document, untilMs, resolve });
        }),
    );
    if (!looking) void run();
    return await Promise.all(answers);
  };
}
