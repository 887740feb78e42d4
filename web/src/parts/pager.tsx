import { useState } from 'react';
import { defineWords, useWords } from '../words.ts';

const pagerWords = defineWords({
  en: { label: 'Pages of the list', first: 'To the first', next: 'Next' },
  ru: { label: 'Страницы списка', first: 'К началу', next: 'Далее' },
});

/** Where a list stands that is read page by page with `next_cursor`; a new question starts over. */
export function useCursor(question: string): [string | undefined, (cursor: string | undefined) => void] {
  const [place, setPlace] = useState<{ question: string; cursor: string | undefined }>();
  const cursor = place?.question === question ? place.cursor : undefined;
  return [cursor, (next) => setPlace({ question, cursor: next })];
}

type Properties = {
  cursor: string | undefined;
  /** Of the answer; null at the end. */
  next: string | null;
  onMove: (cursor: string | undefined) => void;
};

export function Pager({ cursor, next, onMove }: Properties) {
  const words = useWords(pagerWords);
  if (cursor === undefined && next === null) return null;
  return (
    <nav className="pager" aria-label={words.label}>
      <button
        type="button"
        className="button"
        disabled={cursor === undefined}
        onClick={() => onMove(undefined)}
      >
        {words.first}
      </button>
      <button
        type="button"
        className="button"
        disabled={next === null}
        onClick={() => onMove(next ?? undefined)}
      >
        {words.next}
      </button>
    </nav>
  );
}
