import type { ReactNode } from 'react';

type Fact = { name: string; value: ReactNode };

/** Names with their values; one whose value is undefined is left out. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className="facts">
      {facts
        .filter(({ value }) => value !== undefined)
        .map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

type FigureProperties = {
  name: string;
  value: ReactNode;
  note?: ReactNode;
  tone?: 'good' | 'warning' | 'bad';
};

/** One number that stands out, with a word about it. */
export function Figure({ name, value, note, tone }: FigureProperties) {
  return (
    <div className="card fact-card">
      <p className="muted">{name}</p>
      <p className={tone === undefined ? 'fact-value' : `fact-value fact-${tone}`}>{value}</p>
      {note !== undefined && <p className="muted">{note}</p>}
    </div>
  );
}
