import type { Log } from './log.ts';

type Part = { name: string; stop: () => Promise<void> };

/** Parts are stopped in the reverse of the order in which they were started; one that fails does not keep the rest. */
export function createLifecycle(log: Log) {
  const parts: Part[] = [];
  let stopping: Promise<void> | undefined;

  async function stopAll(): Promise<void> {
    for (const part of parts.reverse()) {
      try {
        await part.stop();
      } catch (error) {
        log.error({ err: error, part: part.name }, 'a part did not stop cleanly');
      }
    }
  }

  return {
    onStop(name: string, stop: () => Promise<void>): void {
      parts.push({ name, stop });
    },
    /** May be called twice: the second call waits for the first. */
    stop(): Promise<void> {
      stopping ??= stopAll();
      return stopping;
    },
  };
}

export type Lifecycle = ReturnType<typeof createLifecycle>;

/** What starting came to; undefined where it was given up because of `signal`, however it failed then. */
export async function unlessAborted<T>(signal: AbortSignal, starting: Promise<T>): Promise<T | undefined> {
  try {
    return await starting;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (signal: NodeJS.Signals) => {
      if (asked) process.exit(130);
      asked = true;
      resolve(signal);
    };
    process.on('SIGINT', ask);
    process.on('SIGTERM', ask);
  });
}
