import { askModel, type Message, type ModelDeps } from './ask-model.ts';
import { checkText, type TextTroubles } from './check-text.ts';
import type { Language, ReportFacts } from './report-facts.ts';
import type { Fallback } from './report-store.ts';

export type ModelReport = {
  /** Undefined where the model gave none that can be used; `fallback` says why. */
  text: string | undefined;
  fallback: Fallback | null;
  /** Requests, those that failed included. */
  attempts: number;
  promptTokens: number | null;
  completionTokens: number | null;
};

/** A text with a wrong number is asked for again so often. */
const furtherRounds = 2;

/**
 * A model's text about the facts, in which every number is one of them. The facts are a message of their own:
 * JSON, in which a name cannot end its string.
 */
export async function writeWithModel(
  deps: ModelDeps,
  asked: { startPrompt: string; facts: ReportFacts; language: Language },
  signal: AbortSignal,
): Promise<ModelReport> {
  const written: ModelReport = {
    ...{ text: undefined, fallback: null, attempts: 0 },
    ...{ promptTokens: null, completionTokens: null },
  };
  const messages: Message[] = [
    { role: 'system', content: asked.startPrompt },
    { role: 'user', content: JSON.stringify(asked.facts) },
  ];
  for (let round = 0; round <= furtherRounds; round++) {
    const answer = await askModel(deps, messages, signal, () => written.attempts++);
    if ('failed' in answer) return { ...written, fallback: answer.failed };
    written.promptTokens = add(written.promptTokens, answer.promptTokens);
    written.completionTokens = add(written.completionTokens, answer.completionTokens);
    const troubles = checkText(answer.text, asked.facts);
    if (troubles === undefined) return { ...written, text: answer.text, fallback: null };
    // Words without a figure, nothing wrong in them but that: it does not want to.
    const isRefusal = troubles.numbers.length === 0 && troubles.markup.length === 0;
    written.fallback = isRefusal ? 'refused' : 'invented_numbers';
    deps.log.info({ troubles, round }, 'the text of the model is not about the facts alone');
    messages.push(
      { role: 'assistant', content: answer.text },
      { role: 'user', content: askAgain(troubles, asked.language) },
    );
  }
  return written;
}

function add(sum: number | null, more: number | null): number | null {
  return more === null ? sum : (sum ?? 0) + more;
}

/** So many are named; a text that is wrong throughout needs no longer list. */
const namedAtMost = 50;

function askAgain({ numbers, markup, missing }: TextTroubles, language: Language): string {
  const list = (found: readonly string[]) => JSON.stringify(found.slice(0, namedAtMost));
  const words = again[language];
  return [
    ...(numbers.length > 0 ? [`${words.numbers} ${list(numbers)}`] : []),
    ...(markup.length > 0 ? [`${words.markup} ${list(markup)}`] : []),
    ...(missing.length > 0 ? [`${words.missing} ${list(missing)}`] : []),
    words.rewrite,
  ].join('\n');
}

const again: Record<Language, Record<'numbers' | 'markup' | 'missing' | 'rewrite', string>> = {
  ru: {
    numbers: 'Этих чисел нет среди фактов:',
    markup: 'Ссылок и HTML быть не должно:',
    missing: 'Не названа выручка (revenue) в валютах:',
    rewrite: 'Напиши отчёт заново целиком, по тем же правилам и только с числами из фактов.',
  },
  en: {
    numbers: 'These numbers are not among the facts:',
    markup: 'There must be no links and no HTML:',
    missing: 'The revenue is not given in the currencies:',
    rewrite: 'Write the whole report again, by the same rules and with numbers from the facts alone.',
  },
};
