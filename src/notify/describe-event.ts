import type { Language } from './channel.ts';
import { type EventWords, eventWords } from './event-words.ts';
import type { NotificationEvent } from './read-event.ts';

/** An event in words, of no medium yet. */
export type EventText = { title: string; lines: string[] };

type Fields = Record<string, unknown>;
const mostDrivers = 5;
const limitKinds = ['threshold', 'refunds', 'audit', 'lag'];
const mostCharacters = 300;

/** In the language of the channel; times in `timeZone`. Members that are missing are left out. */
export function describeEvent(event: NotificationEvent, language: Language, timeZone: string): EventText {
  const words = eventWords[language];
  if (event.type === 'channel.test')
    return { title: `Tillstream: ${words.test}`, lines: [words.testBody(textOf(event.channel_id) ?? '')] };
  const isAlert = event.type === 'alert.fired' || event.type === 'alert.resolved';
  if (!isAlert) return { title: `Tillstream: ${cut(event.type)}`, lines: explanationOf(event) };
  const form = formatters(event, language, timeZone);
  const isNews = event.type === 'alert.fired';
  const state = isNews ? words.fired : words.resolved;
  const explained = howExplained(event, language);
  const about = [textOf(event.place_name) ?? textOf(event.place_id) ?? words.everyPlace];
  for (const scope of [event.product_id, event.category]) about.push(...[textOf(scope) ?? []].flat());
  const name = textOf(event.rule_name) ?? textOf(event.metric) ?? '';
  return {
    title: `${state}: ${name} (${about.join(', ')})`,
    lines: [
      ...(explained === 'in another language' ? [] : explanationOf(event)),
      ...(explained === 'so' ? [] : figureLines(event, words, form)),
      ...timeLines(event, words, form),
      ...(explained === 'so' || !isNews ? [] : driverLines(event, words, form)),
    ],
  };
}

/** A rule explains its alerts in a language of its own; where it does not say in which, figures stand beside it. */
function howExplained(event: NotificationEvent, language: Language): 'so' | 'in another language' | 'unsaid' {
  const told = textOf(event.language);
  if (told === undefined) return 'unsaid';
  return told === language && explanationOf(event).length > 0 ? 'so' : 'in another language';
}

type Form = ReturnType<typeof formatters>;

function formatters(event: NotificationEvent, language: Language, timeZone: string) {
  const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
  const times = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone });
  const currency = textOf(event.currency);
  return {
    number: (value: number) => numbers.format(value),
    amount: (value: number) =>
      currency === undefined ? numbers.format(value) : `${numbers.format(value)} ${currency}`,
    time(value: unknown): string | undefined {
      const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
      return Number.isNaN(ms) ? undefined : times.format(ms);
    },
  };
}

function figureLines(event: NotificationEvent, words: EventWords, form: Form): string[] {
  const { value, threshold, baseline } = event;
  const metric = textOf(event.metric) ?? '';
  const name = words.metrics[metric] ?? (metric === '' ? words.value : metric);
  const lines: string[] = [];
  if (typeof value === 'number') {
    const isOver = typeof threshold === 'number' && value > threshold;
    const bound = (text: string) => (isOver ? words.above(text) : words.below(text));
    // Elsewhere the limit is of another unit than the value: percent, or how far from usual.
    const isLimit = typeof threshold === 'number' && limitKinds.includes(String(event.kind));
    const than = isLimit && event.type === 'alert.fired' ? `, ${bound(form.amount(threshold))}` : '';
    lines.push(`${capital(name)}: ${form.amount(value)}${than}`);
  }
  if (typeof baseline === 'number') lines.push(`${words.usual}: ${form.amount(baseline)}`);
  return lines;
}

function timeLines(event: NotificationEvent, words: EventWords, form: Form): string[] {
  const { from, to } = (event.window ?? {}) as Fields;
  const [begin, end] = [form.time(from), form.time(to)];
  const lines: string[] = [];
  if (begin !== undefined && end !== undefined) lines.push(`${words.window}: ${begin} – ${end}`);
  const fired = form.time(event.fired_at);
  if (fired !== undefined) lines.push(`${words.firedAt}: ${fired}`);
  const resolved = form.time(event.resolved_at);
  if (resolved !== undefined) lines.push(`${words.resolvedAt}: ${resolved}`);
  return lines;
}

function driverLines(event: NotificationEvent, words: EventWords, form: Form): string[] {
  const { drivers } = (event.explanation ?? {}) as Fields;
  if (!Array.isArray(drivers)) return [];
  const lines = drivers.slice(0, mostDrivers).flatMap((driver: Fields) => {
    const { kind, value, baseline } = driver ?? {};
    if (typeof value !== 'number') return [];
    const what = words.driverKinds[String(kind)] ?? cut(String(kind));
    const name = textOf(driver.name) ?? textOf(driver.id);
    const figures =
      typeof baseline === 'number'
        ? words.insteadOf(form.number(value), form.number(baseline))
        : form.number(value);
    return [`- ${what}${name === undefined ? '' : ` ${name}`}: ${figures}`];
  });
  return lines.length === 0 ? [] : [`${words.drivers}:`, ...lines];
}

function explanationOf(event: NotificationEvent): string[] {
  const text = textOf((event.explanation as Fields | undefined)?.text);
  return text === undefined ? [] : [text];
}

/** One line of a text that others chose, none of it able to begin another line. */
function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  return cut(
    value
      .toWellFormed()
      .replace(/[\p{C}\s]+/gu, ' ')
      .trim(),
  );
}

const cut = (text: string) =>
  (text.length > mostCharacters ? `${text.slice(0, mostCharacters)}…` : text).toWellFormed();
const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
