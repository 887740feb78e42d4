/** How notifications leave: what of it belongs to the installation and not to a channel. */
export type NotifyConfig = {
  /** A mail server; without one no channel of the kind email can be put. */
  smtp: { url: string; from: string | undefined } | undefined;
  /** Of Telegram's bot API, or of a bot server of one's own; without a slash at its end. */
  telegramApiUrl: string;
  /** Webhooks may go to private, loopback and link-local addresses. */
  allowPrivateTargets: boolean;
  /** Encrypts what channels keep secret; made once and kept in the database when not given. */
  secretsKey: string | undefined;
};

type Readers = {
  env: Record<string, string | undefined>;
  report: (name: string, message: string) => undefined;
  flag: (name: string, fallback: boolean) => boolean;
  secret: (name: string) => string | undefined;
};

const usualTelegramUrl = 'https://api.telegram.org';
/** `ops@example.com`, or with a name before it: `Till <ops@example.com>`. */
const senderPattern = /^[^\s@<>]+@[^\s@<>]+$|^[^<>\r\n]+ <[^\s@<>]+@[^\s@<>]+>$/;

export function readNotifyConfig(readers: Readers): NotifyConfig {
  return {
    smtp: readSmtp(readers),
    telegramApiUrl: readTelegramUrl(readers),
    allowPrivateTargets: readers.flag('ALLOW_PRIVATE_TARGETS', false),
    secretsKey: readers.secret('SECRETS_KEY'),
  };
}

/** The address may hold a password, so it is not repeated. */
function readSmtp({ env, report }: Readers): NotifyConfig['smtp'] {
  const url = env.SMTP_URL || undefined;
  const from = env.SMTP_FROM || undefined;
  if (from !== undefined && !senderPattern.test(from))
    report('SMTP_FROM', 'is no address such as alerts@example.com or Till <alerts@example.com>');
  if (url === undefined) return undefined;
  if (!/^smtps?:\/\//.test(url) || !URL.canParse(url) || new URL(url).hostname === '')
    return report(
      'SMTP_URL',
      'is not an address of the form smtp://user:password@host:587 (smtps: with TLS from the start)',
    );
  return { url, from };
}

function readTelegramUrl({ env, report }: Readers): string {
  const text = (env.TELEGRAM_API_URL || usualTelegramUrl).replace(/\/+$/, '');
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    report('TELEGRAM_API_URL', `is not an address such as ${usualTelegramUrl}`);
  return text;
}
