import { describeEvent } from './describe-event.ts';
import { excerpt, type Outcome, reasonOf, type Send, type SendDeps } from './outcome.ts';
import { type Answer, post } from './post.ts';
import { slackText, telegramText } from './render-text.ts';
import { readRetryAfter } from './retry-delay.ts';
import { postOptions } from './send-webhook.ts';

const json = { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'Tillstream' };
/** Said of the message, the chat or the bot's rights: the same message would be refused again. */
const finalOfTelegram = [400, 403];
const finalOfSlack = [400, 403, 404, 410];

/** `sendMessage` of the bot API, whose address comes from configuration and is trusted as that is. */
export const sendTelegram: Send<'telegram'> = async (deps, message, signal) => {
  const { event, settings, secret, language } = message;
  const body = JSON.stringify({
    chat_id: settings.chat_id,
    text: telegramText(describeEvent(event, language, deps.defaultTimeZone)),
    parse_mode: 'HTML',
    link_preview_options: { is_disabled: true },
  });
  const url = `${deps.telegramApiUrl}/bot${secret.bot_token}/sendMessage`;
  const trusted = { ...deps, allowPrivateTargets: true };
  return await attempt(trusted, url, body, signal, (answer) => {
    const told = readTelegram(answer.text);
    if (told.ok && answer.status === 200) return { result: 'delivered', status: answer.status, error: null };
    const error = `Telegram answered ${answer.status}: ${excerpt(told.description)}`;
    const { status } = answer;
    if (finalOfTelegram.includes(status)) return { result: 'failed', status, error };
    const retryAfterMs = told.retryAfterMs ?? readRetryAfter(answer.headers['retry-after'], deps.nowMs());
    return { result: 'retry', status, error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  });
};

/** An incoming webhook. */
export const sendSlack: Send<'slack'> = async (deps, { event, secret, language }, signal) => {
  const text = slackText(describeEvent(event, language, deps.defaultTimeZone));
  const body = JSON.stringify({ text, unfurl_links: false, unfurl_media: false });
  return await attempt(deps, secret.url, body, signal, ({ status, headers, text: said }) => {
    if (status >= 200 && status <= 299) return { result: 'delivered', status, error: null };
    const error = `Slack answered ${status}: ${excerpt(said)}`;
    if (finalOfSlack.includes(status)) return { result: 'failed', status, error };
    const retryAfterMs = readRetryAfter(headers['retry-after'], deps.nowMs());
    return { result: 'retry', status, error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  });
};

async function attempt(
  deps: SendDeps,
  url: string,
  body: string,
  signal: AbortSignal | undefined,
  judge: (answer: Answer) => Outcome,
): Promise<Outcome> {
  try {
    return judge(await post({ ...postOptions(deps), url, headers: json, body, ...(signal && { signal }) }));
  } catch (error) {
    signal?.throwIfAborted();
    return { result: 'retry', status: null, error: reasonOf(error) };
  }
}

type Told = { ok: boolean; description: string; retryAfterMs: number | undefined };

function readTelegram(text: string): Told {
  try {
    const answer = JSON.parse(text) as {
      ok?: unknown;
      description?: unknown;
      parameters?: { retry_after?: unknown };
    };
    const seconds = answer.parameters?.retry_after;
    return {
      ok: answer.ok === true,
      description: String(answer.description ?? ''),
      retryAfterMs: typeof seconds === 'number' ? seconds * 1000 : undefined,
    };
  } catch {
    return { ok: false, description: 'no answer of the bot API', retryAfterMs: undefined };
  }
}
