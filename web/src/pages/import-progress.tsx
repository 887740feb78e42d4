import type { ReactNode } from 'react';
import { saveBlob } from '../api.ts';
import { useFormat } from '../format.ts';
import { pageNames } from '../pages.ts';
import { Badge, type Tone } from '../parts/badge.tsx';
import { Figure } from '../parts/figure.tsx';
import { Icon } from '../parts/icon.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Table } from '../parts/table.tsx';
import { Link, pathOf } from '../router.tsx';
import { useRole } from '../session.ts';
import { useWords } from '../words.ts';
import {
  forgetImport,
  goOn,
  pauseImport,
  type RunState,
  stopImport,
  type Trouble,
  troublesAsCsv,
} from './import-run.ts';
import { sizeOf } from './import-size.ts';
import { importWords } from './import-words.ts';

const shownTroubles = 50;
const verdicts = ['accepted', 'corrected', 'duplicate', 'stale', 'ignored', 'conflict', 'rejected'] as const;
const tones: Partial<Record<RunState['state'], Tone>> = {
  finished: 'good',
  failed: 'bad',
  stopped: 'warning',
  waiting: 'warning',
};

/** An import under way or done: how far it is, what became of the documents, what was rejected. */
export function ImportProgress({ run }: { run: RunState }) {
  const words = useWords(importWords);
  const names = useWords(pageNames);
  const format = useFormat();
  const isOver = ['finished', 'stopped', 'failed'].includes(run.state);
  return (
    <Page title={names.import} lead={run.name} actions={<Controls run={run} />}>
      <Card>
        <div className="import-state" role="status">
          <Badge tone={tones[run.state] ?? 'accent'}>{words.states[run.state]}</Badge>
        </div>
        <Bar run={run} />
        {run.state === 'failed' && <ErrorBox error={run.error} onRetry={goOn} />}
        <dl className="import-figures">
          <Figure label={words.documents} value={run.documents} format={format.number} />
          {verdicts
            .filter((verdict) => (run.verdicts[verdict] ?? 0) > 0)
            .map((verdict) => (
              <Figure
                key={verdict}
                label={words.verdicts[verdict]}
                value={run.verdicts[verdict]}
                format={format.number}
              />
            ))}
        </dl>
        {isOver && run.documents > 0 && (
          <p>
            <Link to="sales">{words.seeSales}</Link>
          </p>
        )}
      </Card>
      {run.troubles.length > 0 && <Troubles run={run} />}
    </Page>
  );
}

function Controls({ run }: { run: RunState }) {
  const words = useWords(importWords);
  const { state } = run;
  const button = (label: string, work: () => void, look = ''): ReactNode => (
    <button type="button" className={`button ${look}`} onClick={work}>
      {label}
    </button>
  );
  if (state === 'finished') return button(words.another, forgetImport, 'button-primary');
  return (
    <>
      {state === 'running' && button(words.pause, pauseImport)}
      {(state === 'paused' || state === 'stopped') && button(words.goOn, goOn, 'button-primary')}
      {state !== 'stopped' && state !== 'failed' && button(words.stop, stopImport)}
      {(state === 'stopped' || state === 'failed') && button(words.another, forgetImport)}
    </>
  );
}

function Bar({ run }: { run: RunState }) {
  const words = useWords(importWords);
  const format = useFormat();
  const { doneBytes, totalBytes, workedMs, documents } = run;
  const leftMs = doneBytes === 0 ? 0 : (workedMs * (totalBytes - doneBytes)) / doneBytes;
  const isCounted = run.state !== 'checking' && workedMs > 0;
  return (
    <div className="import-bar">
      <progress
        aria-label={words.progress(run.name)}
        max={totalBytes}
        {...(run.state === 'checking' ? {} : { value: doneBytes })}
      />
      <div className="import-bar-notes muted">
        <span>{words.ofBytes(sizeOf(doneBytes, format.locale), sizeOf(totalBytes, format.locale))}</span>
        {isCounted && <span>{words.rate(format.number(Math.round((documents / workedMs) * 1000)))}</span>}
        {isCounted && run.state === 'running' && leftMs > 2_000 && (
          <span>{words.left(lengthOf(leftMs, format.locale))}</span>
        )}
      </div>
    </div>
  );
}

function lengthOf(ms: number, locale: string): string {
  const isLong = ms > 90_000;
  return new Intl.NumberFormat(locale, {
    ...{ style: 'unit', unit: isLong ? 'minute' : 'second', maximumFractionDigits: 0 },
  }).format(Math.ceil(ms / (isLong ? 60_000 : 1000)));
}

function Troubles({ run }: { run: RunState }) {
  const words = useWords(importWords);
  const mayCorrect = useRole('operator');
  const all = (run.verdicts.rejected ?? 0) + (run.verdicts.conflict ?? 0);
  const shown = run.troubles.slice(0, shownTroubles);
  const save = () => saveBlob(troublesAsCsv(run.troubles), `${run.name}.problems.csv`);
  return (
    <Card
      title={words.rejectedHere}
      actions={
        <>
          <button type="button" className="button button-small" onClick={save}>
            <Icon name="download" />
            {words.saveProblems}
          </button>
          {mayCorrect && (
            <Link
              className="button button-small"
              to={`journal?verdict=rejected,conflict&from=${encodeURIComponent(run.startedAt)}`}
            >
              {words.inJournal}
            </Link>
          )}
        </>
      }
    >
      {all > shown.length && <p className="muted">{words.firstOf(shown.length, all)}</p>}
      <Table
        label={words.rejectedHere}
        rows={shown}
        rowKey={(trouble: Trouble) => trouble.position}
        columns={[
          { name: 'line', title: words.line, numeric: true, cell: (trouble) => trouble.line },
          {
            name: 'id',
            title: words.fields.transaction_id,
            cell: (trouble) => trouble.transaction_id ?? '–',
          },
          {
            name: 'verdict',
            title: words.problems,
            cell: (trouble) => <Problems trouble={trouble} />,
          },
          ...(mayCorrect
            ? [
                {
                  name: 'journal',
                  title: '',
                  cell: (trouble: Trouble) => (
                    <Link to={pathOf('journal', trouble.position)}>{words.correct}</Link>
                  ),
                },
              ]
            : []),
        ]}
      />
    </Card>
  );
}

function Problems({ trouble }: { trouble: Trouble }) {
  const words = useWords(importWords);
  if (trouble.errors.length === 0)
    return words.verdicts[trouble.verdict === 'conflict' ? 'conflict' : 'rejected'];
  return (
    <ul>
      {trouble.errors.map(({ pointer, code, message }) => (
        <li key={`${pointer} ${code}`}>
          {pointer !== '' && <code>{pointer}</code>} {message}
        </li>
      ))}
    </ul>
  );
}
