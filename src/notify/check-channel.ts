import { CodedError, type Problem } from '../base/errors.ts';
import type { ChannelKind, Language, Target } from './channel.ts';
import { keyOfSecret, makeSecret } from './sign-webhook.ts';
import { hostOf, type Resolve, whatIsWrongWithHost, whatIsWrongWithUrl } from './target.ts';

/** A channel as it is sent; which members go with it depends on the kind. */
export type ChannelBody = {
  kind: ChannelKind;
  url?: string;
  secret?: string;
  new_secret?: boolean;
  to?: string[];
  from?: string;
  chat_id?: string | number;
  bot_token?: string;
  language?: Language;
  enabled?: boolean;
};

export type CheckedChannel = Target & {
  /** What to keep secret; undefined: what is kept already. */
  secret: Record<string, string> | undefined;
  /** Made just now, to be shown once. */
  madeSecret: string | null;
};

export type CheckDeps = {
  allowPrivateTargets: boolean;
  smtp: { from: string | undefined } | undefined;
  resolve: Resolve;
};

type Wrong = (member: string, message: string) => undefined;

const membersOf: Record<ChannelKind, readonly string[]> = {
  webhook: ['url', 'secret', 'new_secret'],
  email: ['to', 'from'],
  telegram: ['chat_id', 'bot_token'],
  slack: ['url'],
};
const commonMembers = ['kind', 'language', 'enabled'];
const addressPattern = /^[^\s@<>,;:"\\()]{1,64}@[^\s@<>,;:"\\()]{1,255}$/;
const chatPattern = /^(-?\d{1,20}|@\w{3,64})$/;
const tokenPattern = /^\d{1,20}:[\w-]{10,200}$/;

/**
 * Everything that can be known of a channel before the first message. `kept` says whether a channel of this id
 * and kind has its secret already. Errors: `invalid_parameters` with everything that is wrong; `not_configured`
 * for mail without SMTP_URL.
 */
export async function checkChannel(
  body: ChannelBody,
  kept: boolean,
  deps: CheckDeps,
): Promise<CheckedChannel> {
  const errors: Problem[] = [];
  const wrong: Wrong = (member, message) => {
    errors.push({ pointer: `/body/${member}`, code: 'invalid_value', message });
    return undefined;
  };
  for (const member of Object.keys(body))
    if (![...commonMembers, ...membersOf[body.kind]].includes(member))
      wrong(member, `does not go with the kind ${body.kind}`);
  const checked = await checks[body.kind](body, kept, deps, wrong);
  if (checked === undefined || errors.length > 0) {
    const text = errors.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
    throw new CodedError('invalid_parameters', text, { errors });
  }
  return checked;
}

type Check = (
  body: ChannelBody,
  kept: boolean,
  deps: CheckDeps,
  wrong: Wrong,
) => CheckedChannel | undefined | Promise<CheckedChannel | undefined>;

const checks: Record<ChannelKind, Check> = {
  webhook: checkWebhook,
  email: checkEmail,
  telegram: checkTelegram,
  slack: checkSlack,
};

async function checkUrl(url: string, deps: CheckDeps, wrong: Wrong): Promise<URL | undefined> {
  const { allowPrivateTargets, resolve } = deps;
  const text = whatIsWrongWithUrl(url, allowPrivateTargets);
  if (text !== undefined) return wrong('url', text);
  const parsed = new URL(url);
  const host = await whatIsWrongWithHost(hostOf(parsed), resolve, allowPrivateTargets);
  return host === undefined ? parsed : wrong('url', host);
}

async function checkWebhook(body: ChannelBody, kept: boolean, deps: CheckDeps, wrong: Wrong) {
  const { url, secret } = body;
  if (secret !== undefined && keyOfSecret(secret) === undefined)
    wrong('secret', 'is neither whsec_ with 24 to 64 bytes as base64 nor 16 to 256 characters; leave it out');
  if (secret !== undefined && body.new_secret === true) wrong('new_secret', 'does not go with a secret');
  if (url === undefined) return wrong('url', 'is missing');
  const checked = await checkUrl(url, deps, wrong);
  if (checked === undefined) return undefined;
  const madeSecret = body.new_secret === true || (secret === undefined && !kept) ? makeSecret() : null;
  const own = secret ?? madeSecret;
  return {
    kind: 'webhook' as const,
    settings: { url: checked.href },
    secret: own === null ? undefined : { secret: own },
    madeSecret,
  };
}

function checkEmail(body: ChannelBody, _kept: boolean, deps: CheckDeps, wrong: Wrong) {
  if (deps.smtp === undefined)
    throw new CodedError('not_configured', 'set SMTP_URL (and SMTP_FROM) for channels of the kind email');
  const { to = [], from } = body;
  if (to.length === 0) return wrong('to', 'is missing; give a list of addresses');
  for (const [index, address] of to.entries())
    if (!addressPattern.test(address)) wrong(`to/${index}`, 'is no address such as ops@example.com');
  if (from !== undefined && !addressPattern.test(from))
    wrong('from', 'is no address such as ops@example.com');
  if (from === undefined && deps.smtp.from === undefined)
    return wrong('from', 'is missing; give it here, or set SMTP_FROM');
  const settings = { to: [...new Set(to)], from: from ?? null };
  return { kind: 'email' as const, settings, secret: undefined, madeSecret: null };
}

function checkTelegram(body: ChannelBody, kept: boolean, _deps: CheckDeps, wrong: Wrong) {
  const chatId = String(body.chat_id ?? '');
  if (!chatPattern.test(chatId))
    wrong('chat_id', 'is neither the number of a chat nor @ and the name of a channel');
  const token = body.bot_token;
  if (token === undefined && !kept) return wrong('bot_token', 'is missing; it is what @BotFather gave');
  if (token !== undefined && !tokenPattern.test(token))
    wrong('bot_token', 'is no token such as 123456:ABC-DEF…');
  return {
    kind: 'telegram' as const,
    settings: { chat_id: chatId },
    secret: token === undefined ? undefined : { bot_token: token },
    madeSecret: null,
  };
}

async function checkSlack(body: ChannelBody, kept: boolean, deps: CheckDeps, wrong: Wrong) {
  if (body.url === undefined) {
    if (!kept) return wrong('url', 'is missing; it is that of an incoming webhook');
    // Where it leads stays as it is, like the address.
    return { kind: 'slack' as const, settings: { host: '' }, secret: undefined, madeSecret: null };
  }
  const url = await checkUrl(body.url, deps, wrong);
  if (url === undefined) return undefined;
  const settings = { host: url.host };
  return { kind: 'slack' as const, settings, secret: { url: url.href }, madeSecret: null };
}
