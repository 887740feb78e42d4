import type { ReactNode } from 'react';
import { ApiProblem } from '../api.ts';
import { defineWords, useWords } from '../words.ts';
import { Icon, type IconName } from './icon.tsx';

const noticeWords = defineWords({
  en: {
    loading: 'Loading …',
    retry: 'Try again',
    unreachable: 'The program does not answer',
    unreachableText: 'It may be starting again. The page goes on as soon as it answers.',
    failed: 'This page has failed',
    means: 'What this means',
  },
  ru: {
    loading: 'Загрузка …',
    retry: 'Повторить',
    unreachable: 'Программа не отвечает',
    unreachableText: 'Возможно, она перезапускается. Страница продолжит работу, как только она ответит.',
    failed: 'На странице произошла ошибка',
    means: 'Что это значит',
  },
});

export function Loading() {
  const words = useWords(noticeWords);
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      {words.loading}
    </div>
  );
}

type EmptyProperties = { title: string; icon?: IconName; children?: ReactNode };

/** Nothing here: says what to do next in `children`. */
export function EmptyState({ title, icon = 'empty', children }: EmptyProperties) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <p className="empty-title">{title}</p>
      {children !== undefined && <div className="muted">{children}</div>}
    </div>
  );
}

type ErrorProperties = { error: unknown; onRetry?: (() => void) | undefined };

/** What happened, in the words of the program, with every field that is wrong. */
export function ErrorBox({ error, onRetry }: ErrorProperties) {
  const words = useWords(noticeWords);
  const problem = error instanceof ApiProblem ? error : undefined;
  const away = problem?.code === 'unreachable';
  const title = away ? words.unreachable : problem?.title || words.failed;
  const text = away ? words.unreachableText : error instanceof Error ? error.message : String(error);
  return (
    <div className="notice notice-error" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{title}</strong>
        {text !== title && <p>{text}</p>}
        {problem !== undefined && problem.errors.length > 0 && (
          <ul>
            {problem.errors.map(({ pointer, code, message }) => (
              <li key={`${pointer} ${code}`}>
                <code>{pointer}</code> {message}
              </li>
            ))}
          </ul>
        )}
        <div className="notice-actions">
          {onRetry !== undefined && (
            <button type="button" className="button button-small" onClick={onRetry}>
              {words.retry}
            </button>
          )}
          {problem !== undefined && !away && problem.code !== 'unknown' && (
            <a href={new URL(`docs/errors#${problem.code}`, document.baseURI).href}>{words.means}</a>
          )}
        </div>
      </div>
    </div>
  );
}

type Asked<T> = { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown };

/** The states that every question to the program has; `children` shows the answer. */
export function Answer<T>({ of, children }: { of: Asked<T>; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return children(of.data);
  if (of.error) return <ErrorBox error={of.error} onRetry={() => void of.refetch()} />;
  return <Loading />;
}
