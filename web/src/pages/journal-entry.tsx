import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type FieldProblem, request } from '../api.ts';
import type {
  GetJournalPositionAnswer,
  PostJournalPositionCheckAnswer,
  PostJournalPositionReplayAnswer,
} from '../api-answers.ts';
import { useFormat } from '../format.ts';
import type { Json } from '../json-pointer.ts';
import { Icon } from '../parts/icon.tsx';
import { Answer, EmptyState, ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { Link, pathOf } from '../router.tsx';
import { useWords } from '../words.ts';
import { DocumentEditor } from './journal-document.tsx';
import { SaleHistory } from './journal-history.tsx';
import { sources, VerdictBadge } from './journal-verdict.tsx';
import { journalWords } from './journal-words.ts';

/** One document: what is wrong with it, put right and loaded again, and what else came under its id. */
export function JournalEntry({ position }: { position: string }) {
  const words = useWords(journalWords);
  const entry = useQuery({
    queryKey: ['journal', 'entry', position],
    queryFn: ({ signal }) =>
      request<GetJournalPositionAnswer>(`/api/journal/${encodeURIComponent(position)}`, { signal }),
  });
  return (
    <Page
      title={words.title(position)}
      actions={
        <Link className="button" to="journal">
          <Icon name="left" />
          {words.back}
        </Link>
      }
    >
      <Answer of={entry}>
        {(found) => (
          <>
            <About entry={found} />
            <div className="journal-halves">
              <Correction entry={found} />
              {found.transaction_id !== null && found.source !== 'daily' && (
                <SaleHistory source={found.source} id={found.transaction_id} here={position} />
              )}
            </div>
          </>
        )}
      </Answer>
    </Page>
  );
}

function About({ entry }: { entry: GetJournalPositionAnswer }) {
  const words = useWords(journalWords);
  const format = useFormat();
  const source = sources.find((one) => one === entry.source);
  const facts: [string, string][] = [
    [words.receivedAt, format.moment(entry.received_at)],
    [words.source, source === undefined ? entry.source : words.sources[source]],
    [words.id, entry.transaction_id ?? '–'],
    [words.place, entry.place_id ?? '–'],
  ];
  return (
    <Card className="journal-about">
      <div>
        <VerdictBadge verdict={entry.verdict} />
      </div>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt className="muted">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {entry.replay_of !== null && (
          <div>
            <dt className="muted">{words.replayOf}</dt>
            <dd>
              <Link to={pathOf('journal', entry.replay_of)}>{entry.replay_of}</Link>
            </dd>
          </div>
        )}
      </dl>
    </Card>
  );
}

function Correction({ entry }: { entry: GetJournalPositionAnswer }) {
  const words = useWords(journalWords);
  const stored = (entry.document ?? entry.text) as Json;
  const [edited, setEdited] = useState<Json>();
  const correct = useCorrection(entry.position, edited);
  const { problems = entry.problems } = correct;
  if (stored === null)
    return (
      <Card title={words.document}>
        <EmptyState title={words.noBody} icon="page">
          {words.noBodyHint}
        </EmptyState>
      </Card>
    );
  const document = edited ?? stored;
  const isText = entry.document === null && edited === undefined;
  return (
    <Card title={words.document}>
      <p className="muted journal-hint">
        {!entry.replayable ? words.fixed : isText ? words.notJson : undefined}
      </p>
      <DocumentEditor
        key={correct.generation}
        {...{ document, problems }}
        isEditable={entry.replayable}
        onChange={(next) => {
          setEdited(next);
          correct.forget();
        }}
      />
      {entry.replayable && (
        <div className="journal-actions">
          {edited !== undefined && (
            <>
              <button type="button" className="button" disabled={correct.isBusy} onClick={correct.check}>
                {words.check}
              </button>
              <button
                type="button"
                className="button"
                onClick={() => {
                  setEdited(undefined);
                  correct.startOver();
                }}
              >
                {words.undo}
              </button>
            </>
          )}
          <button
            type="button"
            className="button button-primary"
            disabled={correct.isBusy}
            onClick={correct.replay}
          >
            {edited === undefined ? words.replay : words.replayCorrected}
          </button>
        </div>
      )}
      <Outcome correct={correct} />
    </Card>
  );
}

type Correct = ReturnType<typeof useCorrection>;

/** Trying a correction and loading it; `problems` are those of the last try. */
function useCorrection(position: string, edited: Json | undefined) {
  const client = useQueryClient();
  const [generation, setGeneration] = useState(0);
  const [problems, setProblems] = useState<FieldProblem[]>();
  const path = `/api/journal/${encodeURIComponent(position)}`;
  const checking = useMutation({
    mutationFn: () =>
      request<PostJournalPositionCheckAnswer>(`${path}/check`, {
        method: 'POST',
        body: { document: edited },
      }),
    onSuccess: ({ errors }) => setProblems(errors),
  });
  const replaying = useMutation({
    mutationFn: () =>
      request<PostJournalPositionReplayAnswer>(`${path}/replay`, {
        method: 'POST',
        body: edited === undefined ? {} : { document: edited },
      }),
    onSuccess: ({ results: [result] }) => {
      setProblems(result?.errors ?? []);
      void client.invalidateQueries({ queryKey: ['journal'] });
    },
  });
  const forget = () => {
    checking.reset();
    replaying.reset();
  };
  return {
    ...{ generation, problems, forget },
    isBusy: checking.isPending || replaying.isPending,
    error: checking.error ?? replaying.error,
    isValid: checking.data?.valid,
    result: replaying.data?.results[0],
    check: () => checking.mutate(),
    replay: () => replaying.mutate(),
    startOver: () => {
      forget();
      setProblems(undefined);
      setGeneration((before) => before + 1);
    },
  };
}

function Outcome({ correct }: { correct: Correct }) {
  const words = useWords(journalWords);
  const { error, isValid, result, problems } = correct;
  if (error !== null) return <ErrorBox error={error} />;
  if (result !== undefined)
    return (
      <div
        className={`notice ${result.verdict === 'accepted' || result.verdict === 'corrected' ? 'notice-good' : 'notice-warning'}`}
        role="status"
      >
        <div>
          <strong>{words.became(words.verdicts[result.verdict as keyof typeof words.verdicts])}</strong>
          <p>
            <Link to={pathOf('journal', result.position)}>{words.becameHint}</Link>
          </p>
        </div>
      </div>
    );
  if (isValid === undefined) return null;
  return (
    <div className={`notice ${isValid ? 'notice-good' : 'notice-warning'}`} role="status">
      <Icon name={isValid ? 'check' : 'warning'} />
      <div>{isValid ? words.valid : words.stillWrong(problems?.length ?? 0)}</div>
    </div>
  );
}
