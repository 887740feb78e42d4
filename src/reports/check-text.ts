import { type FoundNumber, filler, type Reading, type WrittenDate } from './found-number.ts';
import { type KnownFigures, knownFigures } from './known-figures.ts';
import { readNumbers } from './read-numbers.ts';
import type { ReportFacts } from './report-facts.ts';

export type TextTroubles = {
  /** Numbers that are none of the facts, as they are written. */
  numbers: string[];
  /** Links, images and HTML. */
  markup: string[];
  /** Currencies whose revenue is not told, as a refusal in plain words never does. */
  missing: string[];
};

/** What is wrong with a text about the facts; undefined where nothing is. */
export function checkText(text: string, facts: ReportFacts): TextTroubles | undefined {
  const known = knownFigures(facts);
  const plain = maskNames(plainText(text), known);
  const found = readNumbers(withoutMarkers(plain, known.longestList));
  const wrong = found.filter((one) => !isKnown(one, known)).map((one) => one.text);
  const troubles: TextTroubles = {
    numbers: [...new Set(wrong)],
    markup: [...new Set(plain.match(markup) ?? [])],
    missing: known.revenues
      .filter(({ revenue }) => !found.some((one) => tells(one, revenue)))
      .map(({ currency }) => currency),
  };
  return Object.values(troubles).some((list) => list.length > 0) ? troubles : undefined;
}

const markup = /<[a-z!/][^\n>]{0,80}>?|\]\([^\n)]{0,80}\)?|https?:\/\/\S{0,80}|&#?\w{1,10};/gi;

/** As a reader sees it: without marks of emphasis, escapes and characters that are not shown. */
function plainText(text: string): string {
  return shownText(unescaped(text));
}

function unescaped(text: string): string {
  return text.replace(/\p{Cf}/gu, '').replace(/\\([!-/:-@[-`{-~])/g, '$1');
}

function shownText(text: string): string {
  return text
    .replace(/\p{Cf}/gu, '')
    .normalize('NFKC')
    .replace(/[*`~]/g, '')
    .replace(/[^\S\n]+/g, ' ');
}

const escapePattern = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** Numbers inside a name are no figures, as long as the whole name stands there. */
function maskNames(text: string, { names, revenues }: KnownFigures): string {
  const money = ['\\p{Sc}', 'руб', 'р\\.', ...revenues.map(({ currency }) => currency)].join('|');
  let masked = text;
  // A name that is not escaped in the text loses its own backslashes there.
  const shown = names.flatMap((name) => [shownText(name), plainText(name)]);
  const longestFirst = [...new Set(shown.map((name) => name.trim()))].sort((a, b) => b.length - a.length);
  for (const name of longestFirst) {
    if (name === '') continue;
    const inside = escapePattern(name).replaceAll(/\s+/g, '\\s+');
    const quoted = `(?<=[«"“„'‘])${inside}(?=[»"”“'’])`;
    // What touches a digit of the name must not make another figure of it.
    const before = /^\d/.test(name) ? '(?<![\\p{L}\\d]|\\d[.,\\s])' : '(?<![\\p{L}\\d])';
    const after = /\d$/.test(name) ? `(?![\\p{L}\\d]|[.,]\\d|\\s\\d|\\s*(?:%|${money}))` : '(?![\\p{L}\\d])';
    // A name such as "500" is told from a figure by its quotes alone.
    const pattern = /\p{L}/u.test(name) ? `${quoted}|${before}${inside}${after}` : quoted;
    masked = masked.replace(new RegExp(pattern, 'giu'), (whole) => filler.repeat(whole.length));
  }
  return masked;
}

const marker = /^(\s*(?:#{1,6}\s*|\|\s*)?)(\d{1,3})(?:[.)]\s|\s*\|)/;

/** The numbers that lists, headings and rows are counted with, as long as they do count. */
function withoutMarkers(text: string, longestList: number): string {
  let last = 0;
  const lines = text.split('\n').map((line) => {
    const found = marker.exec(line);
    if (found === null) return line;
    const count = Number(found[2]);
    if (count !== 1 && count !== last + 1) return line;
    if (found[0].trimStart().startsWith('|') && count > longestList) return line;
    last = count;
    return filler.repeat(found[0].length) + line.slice(found[0].length);
  });
  return lines.join('\n');
}

function isKnown(found: FoundNumber, known: KnownFigures): boolean {
  switch (found.kind) {
    case 'date':
      return (
        found.dates.every((date) => isKnownDate(date, known)) ||
        (found.otherwise !== undefined && isKnownDate(found.otherwise, known))
      );
    case 'year':
      return known.dates.some((date) => Number(date.slice(0, 4)) === found.year);
    case 'rank':
      return found.rank >= 1 && found.rank <= known.longestList;
    case 'percent':
      return found.readings.some((reading) => known.percents.some((one) => fits(one, reading)));
    case 'number':
      return isKnownNumber(found, known);
    default:
      return false;
  }
}

function isKnownNumber(found: FoundNumber, known: KnownFigures): boolean {
  if (known.numbers.some((one) => tells(found, one))) return true;
  // `26.02` may be a day as well.
  const [, day, month] = /^(\d{1,2})\.(\d{2})$/.exec(found.text) ?? [];
  return day !== undefined && isKnownDate({ day: Number(day), month: Number(month) }, known);
}

function isKnownDate({ year, month, day }: WrittenDate, known: KnownFigures): boolean {
  return known.dates.some((date) => {
    const [y, m, d] = date.split('-').map(Number);
    return (year === undefined || year === y) && month === m && (day === undefined || day === d);
  });
}

function tells(found: FoundNumber, figure: number): boolean {
  if (found.kind !== 'number') return false;
  return found.readings.some((reading) => fits(figure, rounded(reading)));
}

/** Zeros at the end may stand for digits that were rounded away, as long as two others are left. */
function rounded({ value, unit }: Reading): Reading {
  if (unit !== 1) return { value, unit };
  const zeros = /0*$/.exec(String(value))![0].length;
  const kept = String(value).length - zeros;
  return { value, unit: kept >= 2 ? 10 ** zeros : 1 };
}

/** Coarser than whole units, a rounded figure is still near the true one. */
const coarsest = 0.05;

/** Signs are told in words as often as not. */
function fits(figure: number, { value, unit }: Reading): boolean {
  const off = Math.abs(Math.abs(figure) - value);
  const tolerance = unit / 2 + 1e-9 * Math.max(1, value);
  return off <= tolerance && (unit <= 1 || off <= coarsest * Math.abs(figure) + 1e-9);
}
