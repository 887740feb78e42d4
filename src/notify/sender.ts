import type { Channel, ChannelSecret } from './channel.ts';
import type { Message, Outcome, SendDeps } from './outcome.ts';
import type { NotificationEvent } from './read-event.ts';
import { ForeignSecret, type Secrets } from './secrets.ts';
import { sendSlack, sendTelegram } from './send-chat.ts';
import { sendEmail } from './send-email.ts';
import { sendWebhook } from './send-webhook.ts';
import { resolveWithSystem } from './target.ts';

/** From the first byte to the last, of any kind of channel. */
export const sendTimeoutMs = 15_000;

export type SenderConfig = Pick<
  SendDeps,
  'smtp' | 'telegramApiUrl' | 'allowPrivateTargets' | 'defaultTimeZone'
>;

export type Sendable = Pick<Channel, 'channel_id' | 'language' | 'secret'> &
  Pick<Channel, 'kind' | 'settings'>;
export type ToSend = { id: string; event: NotificationEvent; settled?: readonly string[] };

/** Sends an event to a channel of any kind. Only an early end by `signal` is an error; all else is an outcome. */
export function createSender(deps: {
  config: SenderConfig;
  secrets: Secrets;
  changes?: Partial<Pick<SendDeps, 'resolve' | 'timeoutMs' | 'nowMs'>>;
}) {
  const { secrets, config } = deps;
  const sending: SendDeps = {
    ...{ resolve: resolveWithSystem, timeoutMs: sendTimeoutMs, nowMs: () => Date.now() },
    ...{ smtp: config.smtp, telegramApiUrl: config.telegramApiUrl },
    ...{ allowPrivateTargets: config.allowPrivateTargets, defaultTimeZone: config.defaultTimeZone },
    ...deps.changes,
  };

  return async (channel: Sendable, toSend: ToSend, signal?: AbortSignal): Promise<Outcome> => {
    let secret: ChannelSecret[Channel['kind']] = null;
    try {
      if (channel.secret !== null)
        secret = JSON.parse(await secrets.open(channel.secret, channel.channel_id));
    } catch (error) {
      // Set right by whoever runs the program, so it is worth another try.
      if (!(error instanceof ForeignSecret)) throw error;
      return { result: 'retry', status: null, error: error.message };
    }
    const { id, event, settled = [] } = toSend;
    const { kind, settings, language } = channel;
    const message = { id, event, settled, settings, secret, language };
    switch (kind) {
      case 'webhook':
        return await sendWebhook(sending, message as Message<'webhook'>, signal);
      case 'email':
        return await sendEmail(sending, message as Message<'email'>, signal);
      case 'telegram':
        return await sendTelegram(sending, message as Message<'telegram'>, signal);
      case 'slack':
        return await sendSlack(sending, message as Message<'slack'>, signal);
    }
  };
}

export type Sender = ReturnType<typeof createSender>;
