import { useStore } from './store.ts';
import { type Language, languageStore } from './words.ts';

export type Format = ReturnType<typeof createFormat>;

/** The reader's own variant of the language, such as en-GB, where there is one. */
function localeOf(language: Language): string {
  return navigator.languages.find((locale) => locale.toLowerCase().startsWith(language)) ?? language;
}

/** A business date stands for itself, in no zone. */
const plainDay = (date: string) => new Date(`${date}T00:00:00Z`);
const monthOf = (period: string) => new Date(`${period}-01T00:00:00Z`);

/** Numbers, money and dates as the reader writes them. Periods are those of `/api/analytics/sales`. */
export function createFormat(locale: string) {
  const kept = new Map<string, Intl.NumberFormat>();
  const numberFormat = (key: string, options: Intl.NumberFormatOptions) => {
    let found = kept.get(key);
    if (found === undefined) {
      found = new Intl.NumberFormat(locale, options);
      kept.set(key, found);
    }
    return found;
  };
  const day = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', dateStyle: 'medium' });
  const shortDay = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', day: 'numeric', month: 'short' });
  const longDay = new Intl.DateTimeFormat(locale, {
    timeZone: 'UTC',
    weekday: 'long',
    day: 'numeric',
    month: 'long',
  });
  const month = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'short', year: 'numeric' });
  const time = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
  const money = (amount: number, currency: string) =>
    numberFormat(`money ${currency}`, {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
    }).format(amount);
  return {
    locale,
    money,
    /** Without the minor units, for big figures and axes: `$1.2M`. */
    shortMoney: (amount: number, currency: string) => {
      const digits = Math.abs(amount) < 1000 ? 0 : 1;
      return numberFormat(`short ${currency} ${digits}`, {
        ...{ style: 'currency', currency, notation: 'compact', currencyDisplay: 'narrowSymbol' },
        maximumFractionDigits: digits,
      }).format(amount);
    },
    wholeMoney: (amount: number, currency: string) =>
      numberFormat(`whole ${currency}`, {
        style: 'currency',
        currency,
        currencyDisplay: 'narrowSymbol',
        maximumFractionDigits: 0,
      }).format(amount),
    number: (value: number) => numberFormat('number', { maximumFractionDigits: 3 }).format(value),
    shortNumber: (value: number) =>
      numberFormat('compact', { notation: 'compact', maximumFractionDigits: 1 }).format(value),
    /** Of a share from 0 to 1. */
    share: (value: number) =>
      numberFormat('share', { style: 'percent', maximumFractionDigits: 1 }).format(value),
    /** Of a change in percent, with its sign: `+4.2%`. */
    change: (percent: number) =>
      numberFormat(Math.abs(percent) < 100 ? 'change' : 'big change', {
        ...{ style: 'percent', signDisplay: 'exceptZero' },
        maximumFractionDigits: Math.abs(percent) < 100 ? 1 : 0,
      }).format(percent / 100),
    day: (date: string) => day.format(plainDay(date)),
    shortDay: (date: string) => shortDay.format(plainDay(date)),
    longDay: (date: string) => longDay.format(plainDay(date)),
    /** `14:05` of an instant, in the reader's own zone. */
    time: (instant: string) => time.format(new Date(instant)),
    /** Date and time of an instant, in the reader's own zone. */
    moment: (instant: string) => moment.format(new Date(instant)),
    /** As short as it can be told apart on the axis of a drawing. */
    shortPeriod(period: string): string {
      const isDay = /^\d{4}-\d\d-\d\d$/.test(period);
      return isDay ? shortDay.format(plainDay(period)) : this.period(period);
    },
    /** A period of an answer: an hour (in its own zone), a day, a week, a month or a year. */
    period(period: string): string {
      if (/T/.test(period))
        return `${shortDay.format(plainDay(period.slice(0, 10)))}, ${period.slice(11, 16)}`;
      if (/^\d{4}-\d\d-\d\d$/.test(period)) return day.format(plainDay(period));
      if (/^\d{4}-\d\d$/.test(period)) return month.format(monthOf(period));
      return period;
    },
  };
}

const formats = new Map<string, Format>();

export function useFormat(): Format {
  const locale = localeOf(useStore(languageStore));
  let format = formats.get(locale);
  if (format === undefined) {
    format = createFormat(locale);
    formats.set(locale, format);
  }
  return format;
}
