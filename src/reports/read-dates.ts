import { type FoundNumber, filler, type WrittenDate } from './found-number.ts';

/** By their first three letters, in English and Russian. */
const months = [
  ['jan', 'янв'],
  ['feb', 'фев'],
  ['mar', 'мар'],
  ['apr', 'апр'],
  ['may', 'май', 'мая', 'мае'],
  ['jun', 'июн'],
  ['jul', 'июл'],
  ['aug', 'авг'],
  ['sep', 'сен'],
  ['oct', 'окт'],
  ['nov', 'ноя'],
  ['dec', 'дек'],
];
/** Not the verb: "12 may be too few". */
const may = 'may(?!\\s+(?:be|have|not|also|well|need|help|indicate|reflect|suggest|explain|want))';
const englishMonth = `(january|february|march|april|${may}|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)(?!\\p{L})\\.?`;
const russianMonth =
  '(январ[ьяе]|феврал[ьяе]|март[ае]?|апрел[ьяе]|ма[йяе]|июн[ьяе]|июл[ьяе]|август[ае]?|сентябр[ьяе]|октябр[ьяе]|ноябр[ьяе]|декабр[ьяе]|янв|фев|мар|апр|авг|сент?|окт|ноя|дек)(?!\\p{L})\\.?';
const day = '\\d{1,2}(?:st|nd|rd|th|-?го|-?е|-?й)?(?![\\d\\p{L}])';
const several = `${day}(?:\\s*(?:-|–|—|,|&|и|and|to|по|through)\\s*${day}){0,8}`;
const year = '(?:,?\\s+((?:19|20)\\d\\d)(?!\\d|[.,]\\d))?';

const isoDate = /(?<!\d)((?:19|20)\d\d)[-/](\d{2})(?:[-/](\d{2}))?(?:T\d\d:\d\d(?::\d\d)?Z?)?(?![\d-])/g;
const shortDate = /(?<![\d.,])(\d{1,2})([./-])(\d{1,2})\2((?:19|20)?\d\d)(?!\d)/g;
const dayFirst = [englishMonth, russianMonth].map(
  (month) => new RegExp(`(?<![\\d.,])(${several})\\s+(?:of\\s+)?${month}${year}`, 'giu'),
);
// In Russian a number after a month is none of its days.
const monthFirst = new RegExp(
  `(?<!\\p{L})${englishMonth}\\s+(${day}(?:\\s*(?:-|–|—|to|and|through)\\s*${day}){0,8})${year}`,
  'giu',
);
const monthOfYear = [englishMonth, russianMonth].map(
  (month) => new RegExp(`(?<!\\p{L})${month},?\\s+((?:19|20)\\d\\d)(?!\\d|[.,]\\d)`, 'giu'),
);
const yearAlone =
  /(?<!\d)((?:19|20)\d\d)(?=\s*(?:г\.|год\p{L}*|year))|(?<=(?<!\p{L})(?:in|year|в)\s)((?:19|20)\d\d)(?!\d|[.,]\d|\s\d|\s*%)/giu;

/** Takes the dates out of a text, so that what is left of it holds none; `found` is given them. */
export function readDates(text: string, found: FoundNumber[]): string {
  let rest = text;
  const take = (pattern: RegExp, read: (groups: (string | undefined)[]) => FoundDate) => {
    rest = rest.replace(pattern, (...given) => {
      const written = String(given[0]);
      found.push({ text: written.trim(), ...read(given.slice(1, -2) as (string | undefined)[]) });
      return filler.repeat(written.length);
    });
  };
  take(isoDate, ([y, m, d]) => ({ kind: 'date', dates: [dateOf(y, Number(m), d)] }));
  take(shortDate, ([first, separator, second, y]) => {
    const full = y!.length === 2 ? `20${y}` : y;
    const dates = [dateOf(full, Number(second), first)];
    return separator === '/'
      ? { kind: 'date', dates, otherwise: dateOf(full, Number(first), second) }
      : { kind: 'date', dates };
  });
  for (const pattern of dayFirst)
    take(pattern, ([days, month, y]) => ({ kind: 'date', dates: datesOf(days!, month!, y) }));
  take(monthFirst, ([month, days, y]) => ({ kind: 'date', dates: datesOf(days!, month!, y) }));
  for (const pattern of monthOfYear)
    take(pattern, ([month, y]) => ({ kind: 'date', dates: [dateOf(y, monthOf(month!))] }));
  take(yearAlone, ([first, second]) => ({ kind: 'year', year: Number(first ?? second) }));
  return rest;
}

type FoundDate =
  | { kind: 'date'; dates: WrittenDate[]; otherwise?: WrittenDate }
  | { kind: 'year'; year: number };

function monthOf(name: string): number {
  const start = name.toLowerCase().slice(0, 3);
  return months.findIndex((names) => names.includes(start)) + 1;
}

function dateOf(year: string | undefined, month: number, day?: string): WrittenDate {
  return {
    ...(year === undefined ? {} : { year: Number(year) }),
    month,
    ...(day === undefined ? {} : { day: Number(day) }),
  };
}

function datesOf(days: string, month: string, year: string | undefined): WrittenDate[] {
  return [...days.matchAll(/\d+/g)].map(([day]) => dateOf(year, monthOf(month), day));
}
