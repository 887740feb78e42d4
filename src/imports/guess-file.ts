import { isUtf8 } from 'node:buffer';
import type { Mapping } from './mapping.ts';
import type { PartFormat } from './read-part.ts';

/** What a file is, as its beginning shows; `daily` an XML file, `reference` users and restaurants. */
export type GuessedKind = PartFormat | 'daily' | 'reference';

export function guessKind(head: Buffer): GuessedKind {
  const text = head
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .trimStart();
  if (text.startsWith('<')) return 'daily';
  if (text.startsWith('[')) return 'array';
  if (!text.startsWith('{')) return 'csv';
  return /^\{[^\n]*"_id"\s*:/.test(text) && !/^\{[^\n]*"(items|object_type|product_id)"\s*:/.test(text)
    ? 'reference'
    : 'ndjson';
}

type Written = Required<Pick<Mapping, 'encoding' | 'delimiter'>>;

/** How a CSV file is written. `isCut`: the beginning may end inside a character. */
export function guessWriting(head: Buffer, isCut: boolean): Written {
  const end = isCut ? head.lastIndexOf(0x0a) + 1 : head.length;
  const bytes = head.subarray(0, end === 0 ? head.length : end);
  return { encoding: guessEncoding(bytes), delimiter: guessDelimiter(bytes.toString('latin1')) };
}

function guessEncoding(bytes: Buffer): Written['encoding'] {
  if (isUtf8(bytes)) return 'utf-8';
  // In windows-1251 the letters of Russian are 0xC0 to 0xFF; western texts have few of those beside each other.
  let high = 0;
  let pairs = 0;
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index]! < 0xc0) continue;
    high++;
    if (index > 0 && bytes[index - 1]! >= 0xc0) pairs++;
  }
  return pairs * 2 > high ? 'windows-1251' : 'latin1';
}

const delimiters = [',', ';', '\t', '|'];
const lookedAtLines = 20;

/** The one that cuts the header into most cells and the first lines into as many. */
function guessDelimiter(text: string): string {
  const lines = text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .slice(0, lookedAtLines);
  const cut = (line: string, delimiter: string) => line.replace(/"[^"]*"/g, '').split(delimiter).length - 1;
  const scores = delimiters.map((delimiter) => {
    const inHeader = cut(lines[0] ?? '', delimiter);
    const alike = lines.filter((line) => cut(line, delimiter) === inHeader).length;
    return inHeader === 0 ? 0 : inHeader + (100 * alike) / lines.length;
  });
  return delimiters[scores.indexOf(Math.max(...scores))]!;
}

const dateOrders: readonly [RegExp, string][] = [
  [/^\d{4}-\d\d?-\d\d?/, 'YYYY-MM-DD'],
  [/^\d{4}\/\d\d?\/\d\d?/, 'YYYY/MM/DD'],
  [/^\d{4}\.\d\d?\.\d\d?/, 'YYYY.MM.DD'],
  [/^\d\d?\.\d\d?\.\d{4}/, 'DD.MM.YYYY'],
  [/^\d\d?-\d\d?-\d{4}/, 'DD-MM-YYYY'],
  [/^\d\d?\/\d\d?\/\d{4}/, 'DD/MM/YYYY'],
];
const times: readonly [RegExp, string][] = [
  [/^$/, ''],
  [/^\d\d?:\d\d$/, 'HH:mm'],
  [/^\d\d?:\d\d:\d\d(\.\d+)?$/, 'HH:mm:ss'],
  [/^\d\d?:\d\d [AaPp][Mm]$/, 'hh:mm A'],
  [/^\d\d?:\d\d:\d\d [AaPp][Mm]$/, 'hh:mm:ss A'],
];

/** How the dates of some cells are written; undefined where they are ISO 8601 already, or nothing is known of them. */
export function guessDate(samples: readonly string[]): string | undefined {
  const filled = samples.map((text) => text.trim()).filter((text) => text !== '');
  const [first] = filled;
  if (first === undefined || /^\d{4}-\d\d-\d\dT/.test(first)) return undefined;
  const found = dateOrders.find(([pattern]) => pattern.test(first));
  if (found === undefined) return undefined;
  let [, day] = found;
  const [shape] = found;
  if (day === 'DD/MM/YYYY' && filled.some((text) => Number(text.split('/')[1]) > 12)) day = 'MM/DD/YYYY';
  const rest = first.slice(shape.exec(first)![0].length);
  const separator = /^[ T]/.exec(rest)?.[0] ?? '';
  const time = times.find(([pattern]) => pattern.test(rest.slice(separator.length)));
  if (time === undefined) return undefined;
  return time[1] === '' ? day : `${day}${separator}${time[1]}`;
}

/** The mark before the decimals, where a plain number would not be read. */
export function guessDecimal(samples: readonly string[]): ',' | '.' | undefined {
  const filled = samples.map((text) => text.trim()).filter((text) => text !== '');
  if (filled.length === 0 || filled.every((text) => /^-?\d+(\.\d+)?$/.test(text))) return undefined;
  if (filled.every((text) => /^-?(\d+|\d{1,3}([. \u00a0\u202f']\d{3})+)(,\d+)?$/.test(text))) return ',';
  if (filled.every((text) => /^-?(\d+|\d{1,3}([, \u00a0\u202f']\d{3})+)(\.\d+)?$/.test(text))) return '.';
  return undefined;
}
