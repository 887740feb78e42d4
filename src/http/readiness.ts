import { setTimeout as sleep } from 'node:timers/promises';

export type Readiness = { ready: boolean; checks: Record<string, string> };

/** Who asks, a probe or Prometheus, waits only a few seconds itself. */
const longestAnswerMs = 3_000;

/** A check is passed where its answer begins with `ok`. */
export function isPassed(answer: string): boolean {
  return /^ok\b/.test(answer);
}

/** Asks every check at once; one that takes longer than `limitMs` does not answer. */
export async function askReadiness(
  checks: ReadonlyMap<string, () => Promise<string>>,
  limitMs = longestAnswerMs,
): Promise<Readiness> {
  const answers = await Promise.all(
    [...checks].map(async ([name, ask]) => [name, await answerInTime(ask, limitMs)] as const),
  );
  return { ready: answers.every(([, answer]) => isPassed(answer)), checks: Object.fromEntries(answers) };
}

async function answerInTime(ask: () => Promise<string>, limitMs: number): Promise<string> {
  const answered = new AbortController();
  try {
    const late = sleep(limitMs, 'does not answer', { signal: answered.signal });
    return await Promise.race([ask(), late]);
  } finally {
    answered.abort();
  }
}
