import { type FormEvent, useState } from 'react';
import { TextField } from './parts/field.tsx';
import { Icon } from './parts/icon.tsx';
import { Preferences } from './preferences.tsx';
import { type Session, startSession } from './session.ts';
import { defineWords, useWords } from './words.ts';

const signInWords = defineWords({
  en: {
    title: 'Tillstream',
    lead: 'Every sale, counted exactly once.',
    token: 'Token',
    hint: 'The first start of the program prints an admin token and keeps it in data/admin-token. It stays in this browser tab alone.',
    submit: 'Sign in',
    expired: 'The token is unknown, expired or revoked. Sign in with another one.',
    signed_out: 'You have signed out.',
    missing: 'Paste a token.',
  },
  ru: {
    title: 'Tillstream',
    lead: 'Каждая продажа учтена ровно один раз.',
    token: 'Токен',
    hint: 'При первом запуске программа печатает токен администратора и хранит его в data/admin-token. Токен остаётся только в этой вкладке браузера.',
    submit: 'Войти',
    expired: 'Токен неизвестен, истёк или отозван. Войдите с другим.',
    signed_out: 'Вы вышли.',
    missing: 'Вставьте токен.',
  },
});

export function SignIn({ reason }: { reason: Session['ended'] }) {
  const words = useWords(signInWords);
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<string>();
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (token.trim() === '') setProblem(words.missing);
    else startSession(token.trim());
  }
  return (
    <main className="sign-in">
      <title>{words.title}</title>
      <form className="card sign-in-card" onSubmit={submit}>
        <div className="sign-in-head">
          <span className="mark">
            <Icon name="mark" />
          </span>
          <h1>{words.title}</h1>
          <p className="muted">{words.lead}</p>
        </div>
        {reason !== undefined && (
          <p className={reason === 'expired' ? 'notice notice-warning' : 'notice'} role="status">
            {words[reason]}
          </p>
        )}
        <TextField
          label={words.token}
          hint={words.hint}
          problem={problem}
          type="password"
          autoComplete="current-password"
          value={token}
          onChange={(value) => setToken(value)}
        />
        <button type="submit" className="button button-primary button-wide">
          {words.submit}
        </button>
      </form>
      <Preferences />
    </main>
  );
}
