import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import type { LlmConfig } from '../report-config.ts';
import { readAnswer } from './read-answer.ts';
import type { Fallback } from './report-store.ts';

export type Message = { role: 'system' | 'user' | 'assistant'; content: string };

/** Tokens are null where the endpoint does not count them. */
export type ModelText = { text: string; promptTokens: number | null; completionTokens: number | null };
export type ModelFailure = { failed: Exclude<Fallback, 'invented_numbers'> };
type Failure = ModelFailure & { mayRetry: boolean; retryAfterMs?: number };

export type ModelDeps = {
  llm: LlmConfig;
  log: Log;
  /** Before the second try, the third, …; an endpoint that says how long to wait is obeyed instead. */
  pausesMs?: readonly number[];
};

const usualPausesMs = [2_000, 10_000];
/** Nobody waits longer for a report; the program writes it then. */
const longestPauseMs = 60_000;

/**
 * Asks for one text, by chat completions as OpenAI and whatever is compatible with it speak them, streamed, so
 * that a long answer keeps its connection. Overload, rate limits, cut streams and a time-out are tried again.
 * Throws where `signal` is aborted. `onTry` is told of each request.
 */
export async function askModel(
  deps: ModelDeps,
  messages: readonly Message[],
  signal: AbortSignal,
  onTry: () => void,
): Promise<ModelText | ModelFailure> {
  const pausesMs = deps.pausesMs ?? usualPausesMs;
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    onTry();
    const answer = await askOnce(deps.llm, messages, signal);
    if ('text' in answer) return answer;
    const pauseMs = answer.retryAfterMs ?? pausesMs[attempt] ?? 0;
    const isLast = attempt >= pausesMs.length || !answer.mayRetry || pauseMs > longestPauseMs;
    deps.log.warn({ reason: answer.failed, isLast }, 'the model gave no text');
    if (isLast) return { failed: answer.failed };
    await sleep(pauseMs, undefined, { signal });
  }
}

async function askOnce(
  llm: LlmConfig,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<ModelText | Failure> {
  const timeout = AbortSignal.timeout(llm.timeoutMs);
  try {
    const response = await fetch(`${llm.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream, application/json',
        ...(llm.apiKey === undefined ? {} : { authorization: `Bearer ${llm.apiKey}` }),
      },
      body: JSON.stringify({
        ...{ model: llm.model, messages, stream: true },
        stream_options: { include_usage: true },
      }),
      // The key goes to the endpoint that was configured, and nowhere else.
      redirect: 'error',
      signal: AbortSignal.any([signal, timeout]),
    });
    if (response.ok) return asFailure(await readAnswer(response));
    await response.body?.cancel();
    return failureOf(response);
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) return { failed: 'timeout', mayRetry: true };
    // An answer whose connection breaks had begun; everything else did not come so far.
    const isCut = error instanceof TypeError && error.message === 'terminated';
    return { failed: isCut ? 'truncated' : 'unavailable', mayRetry: true };
  }
}

function asFailure(answer: ModelText | ModelFailure): ModelText | Failure {
  if ('text' in answer) return answer;
  return { ...answer, mayRetry: answer.failed === 'truncated' || answer.failed === 'unavailable' };
}

function failureOf({ status, headers }: Response): Failure {
  const retryAfterMs = retryAfter(headers.get('retry-after'));
  const after = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429) return { failed: 'rate_limited', mayRetry: true, ...after };
  if (status >= 500 || status === 408) return { failed: 'unavailable', mayRetry: true, ...after };
  // A wrong key, a model that is not there: asking again changes nothing.
  return { failed: 'model_error', mayRetry: false };
}

/** Seconds, or a date of HTTP. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
