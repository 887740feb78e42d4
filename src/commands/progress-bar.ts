import type { ImportProgress } from '../imports/run-import.ts';

const barWidth = 24;
const terminalEveryMs = 100;
const plainEveryMs = 3_000;
const clearLine = '\r\u001b[K';

export type ProgressOutput = { isTTY?: boolean; write(text: string): unknown };

/** A bar with rate and time left on a terminal, a plain line every few seconds elsewhere. */
export function createProgressBar(output: ProgressOutput, nowMs: () => number = Date.now) {
  const isTerminal = output.isTTY === true;
  const startedMs = nowMs();
  let shownMs = isTerminal ? 0 : startedMs;
  let last: ImportProgress | undefined;
  let startBytes: number | undefined;

  function describe(state: ImportProgress): string {
    const seconds = Math.max((nowMs() - startedMs) / 1000, 0.001);
    const share = state.totalBytes === 0 ? 1 : Math.min(state.doneBytes / state.totalBytes, 1);
    const rate = Math.round(state.documents / seconds);
    // What an earlier run had done was only skipped, so it says nothing about the time the rest takes.
    const done = state.doneBytes - (startBytes ?? 0);
    const left = done > 0 ? Math.ceil((seconds / done) * (state.totalBytes - state.doneBytes)) : undefined;
    const filled = Math.round(share * barWidth);
    const bar = isTerminal ? `[${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}] ` : '';
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const documents = `${state.skipped + state.documents} documents`;
    return `${bar}${percent}  ${documents}  ${rate} a second  ${left === undefined ? '' : `${duration(left)} left`}`;
  }

  return {
    update(state: ImportProgress): void {
      startBytes ??= state.skipped > 0 ? state.doneBytes : 0;
      last = state;
      if (nowMs() - shownMs < (isTerminal ? terminalEveryMs : plainEveryMs)) return;
      shownMs = nowMs();
      output.write(isTerminal ? `${clearLine}${describe(state)}` : `${describe(state)}\n`);
    },
    /** Leaves the last state on the terminal; may be called twice. */
    end(): void {
      if (isTerminal && last !== undefined) output.write(`${clearLine}${describe(last)}\n`);
      last = undefined;
    },
  };
}

function duration(seconds: number): string {
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
