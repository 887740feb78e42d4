import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api.ts';
import type { GetJournalAnswer, PostJournalReplayAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { pageNames } from '../pages.ts';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Pager, useCursor } from '../parts/pager.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Link, pathOf, useQueryState } from '../router.tsx';
import { useSettled } from '../settled.ts';
import { useWords } from '../words.ts';
import { sources, VerdictBadge, verdicts } from './journal-verdict.tsx';
import { journalWords } from './journal-words.ts';

type Entry = GetJournalAnswer['results'][number];
const defaults = { verdict: '', source: '', place_id: '', transaction_id: '', problem: '', from: '', to: '' };
type View = typeof defaults;
const attention = 'rejected,conflict';
const pageRows = 50;
const typingMs = 250;

/** A local date-time as typed, or an instant from a link, as the program asks for it. */
const instantOf = (text: string) =>
  text === '' || Number.isNaN(Date.parse(text)) ? '' : new Date(text).toISOString();

export function JournalSearch() {
  const words = useWords(journalWords);
  const names = useWords(pageNames);
  const [view, setView] = useQueryState(defaults);
  const typed = JSON.stringify({ ...view, from: instantOf(view.from), to: instantOf(view.to) });
  const asked = useSettled(typed, typingMs);
  const [cursor, setCursor] = useCursor(asked);
  const found = useQuery({
    queryKey: ['journal', asked, cursor],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const query = { ...(JSON.parse(asked) as View), cursor, limit: pageRows };
      return request<GetJournalAnswer>('/api/journal', { query, signal });
    },
  });
  return (
    <Page title={names.journal} lead={words.lead}>
      <Filters {...{ view, setView }} />
      <Answer of={found}>
        {(page) =>
          page.results.length === 0 ? (
            <Card>
              <Nothing view={view} onClear={() => setView(defaults)} />
            </Card>
          ) : (
            <Card
              title={words.entries}
              isBusy={found.isPlaceholderData || asked !== typed}
              actions={<TryAgain entries={page.results} />}
            >
              <Entries rows={page.results} />
              <Pager cursor={cursor} next={page.next_cursor} onMove={setCursor} />
            </Card>
          )
        }
      </Answer>
    </Page>
  );
}

type FilterProperties = {
  view: View;
  setView: (changes: Partial<View>, options?: { replace?: boolean }) => void;
};

function Filters({ view, setView }: FilterProperties) {
  const words = useWords(journalWords);
  const verdictChoices = [
    { value: '', label: words.all },
    { value: attention, label: words.attention },
    ...verdicts.map((value) => ({ value: value as string, label: words.verdicts[value] })),
  ];
  const isSet = Object.entries(view).some(([, value]) => value !== '');
  return (
    <Card className="journal-filters">
      <SelectField
        label={words.verdict}
        value={view.verdict}
        choices={verdictChoices}
        onChange={(verdict) => setView({ verdict })}
      />
      <SelectField
        label={words.source}
        value={view.source}
        choices={[
          { value: '', label: words.all },
          ...sources.map((value) => ({ value: value as string, label: words.sources[value] })),
        ]}
        onChange={(source) => setView({ source })}
      />
      {(['transaction_id', 'place_id', 'problem'] as const).map((name) => (
        <TextField
          key={name}
          type="search"
          label={{ transaction_id: words.id, place_id: words.place, problem: words.problem }[name]}
          value={view[name]}
          // The back button leads to the page before, not to the letter before.
          onChange={(value) => setView({ [name]: value }, { replace: true })}
        />
      ))}
      {(['from', 'to'] as const).map((name) => (
        <TextField
          key={name}
          type="datetime-local"
          label={words[name]}
          value={localOf(view[name])}
          onChange={(value) => setView({ [name]: value }, { replace: true })}
        />
      ))}
      {isSet && (
        <button type="button" className="button" onClick={() => setView(defaults)}>
          {words.clear}
        </button>
      )}
    </Card>
  );
}

/** As the control writes it, in the reader's own zone. */
function localOf(text: string): string {
  if (!text.endsWith('Z')) return text;
  const instant = new Date(text);
  if (Number.isNaN(instant.getTime())) return '';
  const shifted = new Date(instant.getTime() - instant.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

function Nothing({ view, onClear }: { view: View; onClear: () => void }) {
  const words = useWords(journalWords);
  const names = useWords(pageNames);
  const isSet = Object.values(view).some((value) => value !== '');
  if (!isSet)
    return (
      <EmptyState title={words.none} icon="book">
        {words.noneHint} <Link to="import">{names.import}</Link>.
      </EmptyState>
    );
  const isGood = view.verdict === attention && !view.transaction_id && !view.problem;
  return (
    <EmptyState title={isGood ? words.good : words.noMatch} icon={isGood ? 'check' : 'search'}>
      <p>{isGood ? words.goodHint : words.noMatchHint}</p>
      <button type="button" className="link" onClick={onClear}>
        {words.clear}
      </button>
    </EmptyState>
  );
}

export function Entries({ rows, here }: { rows: readonly Entry[]; here?: string }) {
  const words = useWords(journalWords);
  const format = useFormat();
  const sourceOf = (entry: Entry) => sources.find((one) => one === entry.source);
  const columns: Column<Entry>[] = [
    {
      name: 'received',
      title: words.received,
      cell: (entry) => (
        <Link className="journal-moment" to={pathOf('journal', entry.position)}>
          {format.moment(entry.received_at)}
        </Link>
      ),
    },
    { name: 'verdict', title: words.verdict, cell: (entry) => <VerdictBadge verdict={entry.verdict} /> },
    {
      name: 'source',
      title: words.source,
      cell: (entry) => {
        const source = sourceOf(entry);
        return source === undefined ? entry.source : words.sources[source];
      },
    },
    {
      name: 'id',
      title: words.id,
      cell: (entry) => <span className="journal-id">{entry.transaction_id ?? '–'}</span>,
    },
    { name: 'place', title: words.place, cell: (entry) => entry.place_id ?? '–' },
    { name: 'problems', title: words.problems, cell: (entry) => <Problems entry={entry} /> },
    {
      name: 'seen',
      title: words.seen,
      cell: (entry) => (entry.seen_count > 1 ? words.times(entry.seen_count) : ''),
    },
  ];
  return (
    <Table
      label={words.entries}
      columns={columns}
      rows={rows}
      rowKey={(entry) => entry.position}
      rowClass={(entry) => (entry.position === here ? 'row-marked' : undefined)}
    />
  );
}

function Problems({ entry }: { entry: Entry }) {
  const [first, ...others] = entry.problems;
  if (first === undefined) return null;
  return (
    <span className="journal-problem">
      {first.pointer !== '' && <code>{first.pointer}</code>} {first.message}
      {others.length > 0 && <span className="muted"> +{others.length}</span>}
    </span>
  );
}

/** What was rejected may be right by now: another token, a place with its currency, a product. */
function TryAgain({ entries }: { entries: readonly Entry[] }) {
  const words = useWords(journalWords);
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const positions = entries
    .filter(({ verdict, source }) => verdict === 'rejected' && source !== 'daily')
    .map(({ position }) => position);
  const replay = useMutation({
    mutationFn: () =>
      request<PostJournalReplayAnswer>('/api/journal/replay', { method: 'POST', body: { positions } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['journal'] }),
    onSettled: () => setAsking(false),
  });
  const counted = replay.data?.results.filter(
    ({ verdict }) => verdict === 'accepted' || verdict === 'corrected',
  );
  return (
    <>
      {replay.data !== undefined && (
        <span className="muted" role="status">
          {words.tried(counted!.length, replay.data.results.length - counted!.length)}
        </span>
      )}
      {replay.isError && <ErrorBox error={replay.error} />}
      {positions.length > 0 && (
        <button type="button" className="button button-small" onClick={() => setAsking(true)}>
          {words.tryAgain}
        </button>
      )}
      {isAsking && (
        <ConfirmDialog
          title={words.tryAgain}
          action={words.tryAgain}
          isBusy={replay.isPending}
          onConfirm={() => replay.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>{words.tryAgainText(positions.length)}</p>
        </ConfirmDialog>
      )}
    </>
  );
}
