import { excerpt, type Outcome, reasonOf, type Send } from './outcome.ts';
import { type Answer, post } from './post.ts';
import { readRetryAfter } from './retry-delay.ts';
import { keyOfSecret, signWebhook } from './sign-webhook.ts';

const gone = 410;

/** Standard Webhooks: signed, one id for every attempt; 2xx is success, 410 the end, anything else comes again. */
export const sendWebhook: Send<'webhook'> = async (deps, { id, event, settings, secret }, signal) => {
  // The database keeps members in an order of its own; what is asked of every event comes first.
  const { event_id, type, created_at, ...rest } = event;
  const body = JSON.stringify({ event_id, type, created_at, ...rest });
  const key = keyOfSecret(secret.secret);
  if (key === undefined)
    return { result: 'failed', status: null, error: 'its secret is none; put the channel again' };
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Tillstream',
    ...signWebhook({ id, body, atMs: deps.nowMs() }, key),
  };
  let answer: Answer;
  try {
    answer = await post({
      ...postOptions(deps),
      url: settings.url,
      headers,
      body,
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    return { result: 'retry', status: null, error: reasonOf(error) };
  }
  return outcomeOf(answer, deps.nowMs());
};

type PostDeps = Parameters<typeof sendWebhook>[0];

export const postOptions = ({ allowPrivateTargets, resolve, timeoutMs }: PostDeps) => ({
  allowPrivate: allowPrivateTargets,
  resolve,
  timeoutMs,
});

function outcomeOf({ status, headers, text }: Answer, nowMs: number): Outcome {
  if (status >= 200 && status <= 299) return { result: 'delivered', status, error: null };
  const said = text === '' ? '' : `: ${excerpt(text)}`;
  if (status === gone)
    return { result: 'failed', status, error: `the receiver is gone (410)${said}`, isGone: true };
  const retryAfterMs = readRetryAfter(headers['retry-after'], nowMs);
  const redirect = status >= 300 && status <= 399 ? '; redirects are not followed' : '';
  return {
    result: 'retry',
    status,
    error: `the receiver answered ${status}${redirect}${said}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
