/** Which table of how many is being copied. */
export type TableStep = { table: string; number: number; of: number };
/** Told when a table begins; answers what is told the bytes as they pass. */
export type OnProgress = (step: TableStep) => (bytes: number) => void;

const terminalEveryMs = 100;
const plainEveryMs = 3_000;
const clearLine = '\r\u001b[K';

export type Output = { isTTY?: boolean; write(text: string): unknown };

/** One line that changes on a terminal, a line every few seconds elsewhere. */
export function createTransferProgress(output: Output, nowMs: () => number = Date.now) {
  const isTerminal = output.isTTY === true;
  const startedMs = nowMs();
  let shownMs = startedMs;
  let total = 0;

  function show(step: TableStep): void {
    const seconds = Math.max((nowMs() - startedMs) / 1000, 0.001);
    const text = `${step.number} of ${step.of} tables, ${step.table}: ${shownBytes(total)}, ${shownBytes(total / seconds)} a second`;
    output.write(isTerminal ? `${clearLine}${text}` : `${text}\n`);
  }

  return {
    onProgress: ((step) => (bytes) => {
      total += bytes;
      if (nowMs() - shownMs < (isTerminal ? terminalEveryMs : plainEveryMs)) return;
      shownMs = nowMs();
      show(step);
    }) satisfies OnProgress,
    /** Clears the line of a terminal. */
    end(): void {
      if (isTerminal) output.write(clearLine);
    },
  };
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'];

export function shownBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
