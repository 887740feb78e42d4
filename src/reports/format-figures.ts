import { currencyDigits } from '../base/money.ts';
import type { Language } from './report-facts.ts';

const locales: Record<Language, string> = { ru: 'ru-RU', en: 'en-US' };

/** How figures are written in a language; the same forms that `read-numbers.ts` reads back. */
export type Format = ReturnType<typeof createFormat>;

export function createFormat(language: Language) {
  const locale = locales[language];
  const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
  const share = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const change = new Intl.NumberFormat(locale, {
    style: 'percent',
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const long = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeZone: 'UTC' });
  return {
    number: (value: number) => plain.format(value),
    /** In major units. */
    money(value: number, currency: string): string {
      const digits = currencyDigits(currency);
      return new Intl.NumberFormat(locale, {
        ...{ style: 'currency', currency },
        ...{ minimumFractionDigits: digits, maximumFractionDigits: digits },
      }).format(value);
    },
    share: (percent: number | null) => (percent === null ? '—' : share.format(percent / 100)),
    /** With its sign. */
    change: (percent: number | null) => (percent === null ? '—' : change.format(percent / 100)),
    /** Without it, where words say which way. */
    size: (percent: number) => share.format(Math.abs(percent) / 100),
    /** `31.01.2024` or `2024-01-31`. */
    day(date: string): string {
      const [year, month, day] = date.split('-');
      return language === 'ru' ? `${day}.${month}.${year}` : date;
    },
    /** With its weekday. */
    fullDay: (date: string) => long.format(Date.parse(`${date}T00:00:00Z`)),
  };
}

/** A name inside Markdown: one line, and whatever it holds shows as it is. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .replace(/[\\`*_[\]<>|&#~]/g, '\\$&');
}
