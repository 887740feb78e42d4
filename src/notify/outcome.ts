import type { ChannelSecret, Language, Settings } from './channel.ts';
import type { NotificationEvent } from './read-event.ts';
import type { Resolve } from './target.ts';

/** How an attempt ended. Texts hold no secret. */
export type Outcome = {
  result: 'delivered' | 'retry' | 'failed';
  /** Of HTTP or SMTP. */
  status: number | null;
  error: string | null;
  /** The receiver asks not to be tried before so many milliseconds. */
  retryAfterMs?: number;
  /** The receiver takes nothing any more, ever. */
  isGone?: boolean;
  /** Recipients that have it now. */
  settled?: string[];
};

export type Message<Kind extends keyof Settings> = {
  /** The same however often it is sent. */
  id: string;
  event: NotificationEvent;
  settings: Settings[Kind];
  secret: ChannelSecret[Kind];
  language: Language;
  /** Recipients that have it. */
  settled: readonly string[];
};

export type SendDeps = {
  smtp: { url: string; from: string | undefined } | undefined;
  telegramApiUrl: string;
  allowPrivateTargets: boolean;
  defaultTimeZone: string;
  resolve: Resolve;
  timeoutMs: number;
  nowMs: () => number;
};

/** Ends an attempt early; the promise is then rejected with its reason. */
export type Send<Kind extends keyof Settings> = (
  deps: SendDeps,
  message: Message<Kind>,
  signal?: AbortSignal,
) => Promise<Outcome>;

const mostCharacters = 300;

/** What a receiver said, fit for a log and for the database: one short line. */
export function excerpt(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  return line.length > mostCharacters ? `${line.slice(0, mostCharacters)}…`.toWellFormed() : line;
}

/** An error of the network, without anything of the address that might be secret. */
export function reasonOf(error: unknown): string {
  const { code, message, errors } = error as { code?: string; message?: string; errors?: Error[] };
  const told = message || errors?.[0]?.message || code || 'the connection failed';
  return excerpt(told);
}
