import type { ImportProgress } from '../imports/run-import.ts';

const barWidth = 24;
const terminalEveryMs = 100;
const plainEveryMs = 5_000;

/** A bar with rate and time left on a terminal, a plain line now and then elsewhere. */
export function createProgressBar(output: NodeJS.WriteStream) {
  const startedMs = Date.now();
  let shownMs = output.isTTY ? 0 : startedMs;
  let last: ImportProgress | undefined;

  function describe(state: ImportProgress): string {
    const seconds = Math.max((Date.now() - startedMs) / 1000, 0.001);
    const share = state.totalBytes === 0 ? 1 : Math.min(state.doneBytes / state.totalBytes, 1);
    const left = share > 0 ? Math.ceil((seconds / share) * (1 - share)) : 0;
    const rate = Math.round(state.documents / seconds);
    const filled = Math.round(share * barWidth);
    const bar = output.isTTY ? `[${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}] ` : '';
    return `${bar}${Math.round(share * 100)} %  ${state.documents} documents  ${rate} a second  ${left} s left`;
  }

  return {
    update(state: ImportProgress): void {
      last = state;
      const nowMs = Date.now();
      if (nowMs - shownMs < (output.isTTY ? terminalEveryMs : plainEveryMs)) return;
      shownMs = nowMs;
      output.write(output.isTTY ? `\r\u001b[K${describe(state)}` : `${describe(state)}\n`);
    },
    end(): void {
      if (output.isTTY && last !== undefined) output.write(`\r\u001b[K${describe(last)}\n`);
    },
  };
}
