import type { Client } from '../base/db.ts';
import type { Log } from '../base/log.ts';

export type Follower = {
  /** There may be work: do not wait for the next look. */
  poke(): void;
  stop(): Promise<void>;
};

export type FollowerOptions = {
  name: string;
  log: Log;
  /** Does a bounded piece of work and answers how much; it is called again at once until that is 0. */
  step: () => Promise<number>;
  idleMs: number;
  /** What a whole step does. After less than that there is a rest: many small steps cost much more. */
  fullStep?: number;
  /** At least; after a step that took long, which more rows hardly make longer, several times as long as it took. */
  restMs?: number;
  longestRestMs?: number;
};

const restsPerStep = 4;

const longestPauseMs = 5_000;

/**
 * Runs the statement with which a follower reads its next rows by (epoch, xid, position), within its transaction.
 * The planner expects few rows past the cursor, since all are of one epoch, and would sort everything that is
 * there instead of reading the index in its order: 400,000 rows for a step of 5,000.
 */
export async function readInOrder<T>(client: Client, read: () => Promise<T>): Promise<T> {
  await client.query('set local enable_sort = off');
  const rows = await read();
  await client.query('set local enable_sort = on');
  return rows;
}

/** A background loop over `step`; an error is logged and tried again, more and more slowly. */
export function startFollower(options: FollowerOptions): Follower {
  let stopped = false;
  let wake: (() => void) | undefined;
  let poked = false;

  /** A poke or an end that came within the step before is not slept through. */
  const pause = (ms: number) => (poked || stopped ? Promise.resolve() : sleep(ms));
  /** A poke does not end it, the end of the program does. */
  async function rest(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    for (let left = ms; left > 0 && !stopped; left = endMs - performance.now()) await sleep(left);
  }

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        wake = undefined;
        resolve();
      }
      wake = done;
    });
  }

  function restAfter(tookMs: number): number {
    const { restMs = 0, longestRestMs = restMs } = options;
    return Math.min(Math.max(tookMs * restsPerStep, restMs), longestRestMs);
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopped) {
      poked = false;
      try {
        const startedMs = performance.now();
        const done = await options.step();
        const tookMs = performance.now() - startedMs;
        failures = 0;
        if (done === 0) await pause(options.idleMs);
        else if (done < (options.fullStep ?? 0)) await rest(restAfter(tookMs));
      } catch (error) {
        failures++;
        if (failures === 1 || failures % 10 === 0)
          options.log.warn(
            { err: error, follower: options.name, failures },
            'a follower failed; it tries again',
          );
        await pause(Math.min(100 * 2 ** failures, longestPauseMs));
      }
    }
  }

  const finished = run();
  return {
    poke() {
      poked = true;
      wake?.();
    },
    async stop() {
      stopped = true;
      wake?.();
      await finished;
    },
  };
}
