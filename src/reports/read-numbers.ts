import { type FoundNumber, filler, type Reading } from './found-number.ts';
import { readDates } from './read-dates.ts';

const rank =
  /(?:№|#|(?<!\p{L})No\.?)\s*(\d{1,3})(?!\d)|(?<![\d.,])(\d{1,3})(?:(?:st|nd|rd|th)|-(?:й|я|е|го|му|м|ой|ая|ое|ый|ий|х|ю))(?!\p{L})/giu;
const time = /(?<![\d.,:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?!\d)/g;
/** Its separator is the second group of `number`. */
const grouped = String.raw`\d{1,3}(?:([ .,'’])\d{3})(?:\2\d{3})*(?!\d)(?:[.,]\d+)?`;
const magnitudeWords = String.raw`\s?(?:тыс\.|тыс|тысяч[аиу]?|млн\.?|миллион(?:а|ов)?|млрд\.?|миллиард(?:а|ов)?|thousand|million|billion|mln|bn)(?!\p{L})|[kKMкК](?!\p{L})`;
const percentSign = String.raw`\s*(?:%|процент\p{L}*|percent(?:age)?(?!\p{L})|pct(?!\p{L})|п\.\s?п\.|pp(?!\p{L}))`;
const number = new RegExp(`(?:(${grouped})|(\\d+(?:[.,]\\d+)?))(${magnitudeWords})?(${percentSign})?`, 'giu');

const englishWords =
  'eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|billions?';
const russianWords =
  '(?:оди|две|три|четыр|пят|шест|сем|восем|девят)надцат\\p{L}+|(?:два|три)дцат\\p{L}+|сорок[а]?|(?:пят|шест|сем|восем)ьдесят\\p{L}*|девяност[оа]|сто|двести|триста|четыреста|(?:пять|шесть|семь|восемь|девять)сот|сотн\\p{L}+|тысяч\\p{L}*|миллион\\p{L}*|миллиард\\p{L}*';
const words = new RegExp(`(?<!\\p{L})(?:${englishWords}|${russianWords})(?!\\p{L})`, 'giu');
const otherDigits = /[\p{Nd}\p{Nl}\p{No}]+/gu;

/** Every number of a text in Russian or English, dates, times, ordinals and percentages among them. */
export function readNumbers(text: string): FoundNumber[] {
  const found: FoundNumber[] = [];
  let rest = readDates(text, found);
  const take = (pattern: RegExp, read: (match: RegExpMatchArray) => FoundNumber) => {
    rest = rest.replace(pattern, (...given) => {
      found.push(read(given.slice(0, -2) as unknown as RegExpMatchArray));
      return filler.repeat(String(given[0]).length);
    });
  };
  take(time, ([written]) => ({ kind: 'time', text: written! }));
  take(rank, ([written, first, second]) => ({
    ...{ kind: 'rank', text: written!, rank: Number(first ?? second) },
  }));
  take(number, readNumber);
  take(words, ([written]) => ({ kind: 'words', text: written! }));
  take(otherDigits, ([written]) => ({ kind: 'words', text: written! }));
  return found;
}

function readNumber(match: RegExpMatchArray): FoundNumber {
  const [text, inGroups, , plain, magnitude, percent] = match;
  const digits = inGroups ?? plain!;
  const times = magnitudeOf(magnitude);
  const scale = ({ value, unit }: Reading) => ({ value: value * times, unit: unit * times });
  return {
    kind: percent === undefined ? 'number' : 'percent',
    text: text!.trim(),
    readings: readingsOf(digits).map(scale),
  };
}

function magnitudeOf(word: string | undefined): number {
  if (word === undefined) return 1;
  const text = word.trim().toLowerCase();
  if (/^(тыс|thousand|k|к)/.test(text)) return 1e3;
  return /^(млрд|миллиард|billion|bn)/.test(text) ? 1e9 : 1e6;
}

/** A comma may divide thousands or decimals, and so may a point: every reading that the form allows. */
function readingsOf(text: string): Reading[] {
  const digits = text.replaceAll(/\D/g, '');
  const readings: Reading[] = [];
  if (/^\d+$|^\d{1,3}(?:([ .,'’])\d{3})(?:\1\d{3})*$/.test(text))
    readings.push({ value: Number(digits), unit: 1 });
  const decimal = /^(.+)([.,])(\d+)$/.exec(text);
  if (decimal !== null && !decimal[1]!.includes(decimal[2]!)) {
    const decimals = decimal[3]!.length;
    readings.push({ value: Number(digits) / 10 ** decimals, unit: 10 ** -decimals });
  }
  return readings;
}
