import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { ApiProblem, request } from '../api.ts';
import type { PostImportsPreviewAnswer } from '../api-answers.ts';
import { useFormat } from '../format.ts';
import { pageNames } from '../pages.ts';
import { Badge } from '../parts/badge.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { Answer, ErrorBox } from '../parts/notice.tsx';
import { Card, Page } from '../parts/page.tsx';
import { useRole } from '../session.ts';
import { useStore } from '../store.ts';
import { useWords } from '../words.ts';
import { DailyImport } from './import-daily.tsx';
import { DropZone } from './import-drop.tsx';
import {
  type Chosen,
  chooseFiles,
  formOf,
  headSizes,
  type Mapping,
  type Question,
  withMain,
} from './import-file.ts';
import { MappingEditor } from './import-mapping.tsx';
import { DocumentsPreview, type PreviewDocument } from './import-preview.tsx';
import { ImportProgress } from './import-progress.tsx';
import { importStore, sendReference, startImport } from './import-run.ts';
import { sizeOf } from './import-size.ts';
import { importWords } from './import-words.ts';
import '../styles/import.css';

/** Files through the browser: choose, look, map, load. */
export function ImportPage() {
  const run = useStore(importStore);
  const [chosen, setChosen] = useState<{ number: number; files: Chosen }>();
  const words = useWords(importWords);
  const names = useWords(pageNames);
  const choosing = useMutation({
    mutationFn: chooseFiles,
    onSuccess: (files) => {
      if (files !== undefined) setChosen((before) => ({ number: (before?.number ?? 0) + 1, files }));
    },
  });
  if (run !== undefined) return <ImportProgress run={run} />;
  if (chosen !== undefined)
    return (
      <LookAtFile
        key={chosen.number}
        chosen={chosen.files}
        onChoose={(files) => setChosen({ number: chosen.number + 1, files })}
        onLeave={() => setChosen(undefined)}
      />
    );
  return (
    <Page title={names.import} lead={words.lead}>
      <Card>
        <DropZone onFiles={(files) => choosing.mutate(files)} isBusy={choosing.isPending} />
        {choosing.isError && <ErrorBox error={choosing.error} />}
      </Card>
    </Page>
  );
}

/** A larger piece of the file where no document is whole in a small one. */
async function askPreview(question: Question, signal: AbortSignal): Promise<PostImportsPreviewAnswer> {
  const { blob } = question.chosen.main;
  for (const [index, size] of headSizes.entries()) {
    const body = formOf(question, blob.slice(0, size), blob.size <= size);
    const answer = await request<PostImportsPreviewAnswer>('/api/imports/preview', {
      ...{ method: 'POST', body, signal },
    });
    const isShort = answer.mapping_errors.some((error) => /send more at once/.test(error));
    if (!isShort || index === headSizes.length - 1 || blob.size <= size) return answer;
  }
  throw new ApiProblem(0, { detail: 'no preview' });
}

type LookProperties = { chosen: Chosen; onChoose: (chosen: Chosen) => void; onLeave: () => void };

function LookAtFile({ chosen, onChoose, onLeave }: LookProperties) {
  const words = useWords(importWords);
  const names = useWords(pageNames);
  const format = useFormat();
  const [edited, setEdited] = useState<Mapping | undefined>(chosen.mapping);
  const [place, setPlace] = useState('');
  const question = useDeferredValue({ mapping: edited, place });
  const { main, others } = chosen;
  const preview = useQuery({
    queryKey: ['import-preview', main.number, question],
    queryFn: ({ signal }) => askPreview({ chosen, ...question }, signal),
    placeholderData: keepPreviousData,
    gcTime: 0,
  });
  const kind = preview.data?.kind;
  return (
    <Page
      title={names.import}
      lead={
        <span className="import-file">
          <strong>{main.name}</strong> {sizeOf(main.blob.size, format.locale)}
          {kind !== undefined && kind in words.kinds && (
            <Badge tone="accent">{words.kinds[kind as keyof typeof words.kinds]}</Badge>
          )}
          {others.length > 0 && <span>{words.joined(others.map(({ name }) => name).join(', '))}</span>}
        </span>
      }
      actions={
        <button type="button" className="button" onClick={onLeave}>
          {words.otherFile}
        </button>
      }
    >
      {others.length > 0 && kind !== 'daily' && (
        <Card className="import-main">
          <SelectField
            label={words.mainFile}
            value={main.name}
            choices={[main, ...others].map(({ name }) => ({ value: name, label: name }))}
            onChange={(name) => onChoose(withMain(chosen, name))}
          />
        </Card>
      )}
      <Answer of={preview}>
        {(answer) => (
          <Looked {...{ chosen, answer, edited, setEdited, place, setPlace, error: preview.error }} />
        )}
      </Answer>
    </Page>
  );
}

type LookedProperties = {
  chosen: Chosen;
  answer: PostImportsPreviewAnswer;
  edited: Mapping | undefined;
  setEdited: (mapping: Mapping) => void;
  place: string;
  setPlace: (place: string) => void;
  error: unknown;
};

function Looked({ chosen, answer, edited, setEdited, place, setPlace, error }: LookedProperties) {
  const words = useWords(importWords);
  if (answer.kind === 'daily') return <DailyImport chosen={chosen} />;
  if (answer.kind === 'reference') return <ReferenceImport {...{ chosen, answer }} />;
  const isCsv = answer.kind === 'csv';
  const mapping = isCsv ? (edited ?? (answer.mapping as Mapping)) : undefined;
  const isReady = answer.mapping_errors.length === 0 && answer.documents.length > 0 && !error;
  const hasProblems = answer.documents.some(({ problems }) => problems.length > 0);
  return (
    <>
      {error ? <ErrorBox error={error} /> : null}
      {mapping !== undefined && (
        <MappingEditor
          {...{ mapping, columns: answer.columns, errors: answer.mapping_errors }}
          guessed={edited === undefined}
          onChange={setEdited}
        />
      )}
      {answer.mapping_errors.length === 0 && (
        <DocumentsPreview documents={answer.documents as PreviewDocument[]} />
      )}
      <Card className="import-start">
        <TextField label={words.place} hint={words.placeHint} value={place} onChange={setPlace} />
        <button
          type="button"
          className="button button-primary"
          disabled={!isReady}
          onClick={() => startImport({ chosen, mapping, place }, answer.head_bytes)}
        >
          {hasProblems ? words.startAnyway : words.start}
        </button>
      </Card>
    </>
  );
}

function ReferenceImport({ chosen, answer }: Pick<LookedProperties, 'chosen' | 'answer'>) {
  const words = useWords(importWords);
  const isAdmin = useRole('admin');
  const sending = useMutation({ mutationFn: () => sendReference(chosen.main.blob) });
  return (
    <>
      <Card className="import-start">
        {!isAdmin && <p className="muted">{words.noRole}</p>}
        <button
          type="button"
          className="button button-primary"
          disabled={!isAdmin || sending.isPending}
          onClick={() => sending.mutate()}
        >
          {words.send}
        </button>
        {sending.isError && <ErrorBox error={sending.error} />}
        {sending.data !== undefined && (
          <div role="status">
            <p>{words.referenceDone(sending.data.user, sending.data.restaurant, sending.data.changed)}</p>
            <ul>
              {sending.data.troubles.map(({ line, reason }) => (
                <li key={line}>{`${words.line} ${line}: ${reason}`}</li>
              ))}
            </ul>
          </div>
        )}
      </Card>
      <DocumentsPreview documents={answer.documents as PreviewDocument[]} />
    </>
  );
}
