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
};

const longestPauseMs = 5_000;

/** A background loop over `step`; an error is logged and tried again, more and more slowly. */
export function startFollower(options: FollowerOptions): Follower {
  let stopped = false;
  let wake: (() => void) | undefined;
  let poked = false;

  function pause(ms: number): Promise<void> {
    if (poked) return Promise.resolve();
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

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopped) {
      poked = false;
      try {
        const done = await options.step();
        failures = 0;
        if (done > 0) continue;
        await pause(options.idleMs);
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
