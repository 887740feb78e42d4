import type { ReactNode } from 'react';

type Properties = {
  title: string;
  /** Beside the title: buttons, a period. */
  actions?: ReactNode;
  /** Under the title, in a sentence. */
  lead?: ReactNode;
  children: ReactNode;
};

/** The frame of every page: its heading and the title of the tab. */
export function Page({ title, actions, lead, children }: Properties) {
  return (
    <div className="page">
      <title>{`${title} · Tillstream`}</title>
      <div className="page-head">
        <div>
          <h1>{title}</h1>
          {lead !== undefined && <p className="muted">{lead}</p>}
        </div>
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

type CardProperties = {
  title?: string;
  actions?: ReactNode;
  className?: string;
  /** What it shows is of the question before. */
  isBusy?: boolean;
  children: ReactNode;
};

/** A box of one subject. */
export function Card({ title, actions, className = '', isBusy = false, children }: CardProperties) {
  return (
    <section className={`card ${className}`} aria-label={title} aria-busy={isBusy}>
      {(title !== undefined || actions !== undefined) && (
        <div className="card-head">
          {title !== undefined && <h2>{title}</h2>}
          {actions !== undefined && <div className="card-actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}
