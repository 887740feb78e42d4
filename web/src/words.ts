import { createKeptStore, useStore } from './store.ts';

export const languages = ['en', 'ru'] as const;
export type Language = (typeof languages)[number];

const preferred: Language = navigator.language.toLowerCase().startsWith('ru') ? 'ru' : 'en';
export const languageStore = createKeptStore<Language>('tillstream.language', languages, preferred);
languageStore.subscribe(markDocument);
markDocument();

function markDocument(): void {
  document.documentElement.lang = languageStore.get();
}

/** The same members with texts, or functions that make texts. */
type Translated<T> = {
  readonly [K in keyof T]: T[K] extends (...input: infer I) => string
    ? (...input: I) => string
    : T[K] extends string
      ? string
      : Translated<T[K]>;
};
export type Words<T> = { en: T; ru: Translated<T> };

/** Texts of one page or part in both languages; a member that Russian lacks does not compile. */
export function defineWords<const T extends object>(words: Words<T>): Words<T> {
  return words;
}

/** The texts in the reader's language. */
export function useWords<T>(words: Words<T>): Translated<T> {
  const language = useStore(languageStore);
  return language === 'ru' ? words.ru : (words.en as Translated<T>);
}

const plurals = { en: new Intl.PluralRules('en'), ru: new Intl.PluralRules('ru') };

/** `5 receipts`: English needs `one` and `other`, Russian `one`, `few` and `other` (чек, чека, чеков). */
export function plural(
  language: Language,
  count: number,
  forms: { one: string; few?: string; other: string },
): string {
  const number = new Intl.NumberFormat(language).format(count);
  const rule = plurals[language].select(count);
  const form = rule === 'one' ? forms.one : rule === 'few' ? (forms.few ?? forms.other) : forms.other;
  return `${number} ${form}`;
}
