import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { request } from '../api.ts';
import type { PostReportsAnswer } from '../api-answers.ts';
import { problemOf } from '../field-problems.ts';
import { localDay } from '../local-day.ts';
import { Dialog } from '../parts/dialog.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { usePlaces } from '../places.ts';
import { useIdentity } from '../session.ts';
import { useStore } from '../store.ts';
import { languageStore, languages, useWords } from '../words.ts';
import { reportsWords } from './reports-words.ts';

const dayMs = 86_400_000;
const yesterday = () => localDay(Date.now() - dayMs);

const bases = ['', 'itemised', 'declared'] as const;
type Basis = (typeof bases)[number];

type Properties = { onClose: () => void; onDone: (id: number) => void };

/** Asks for the period, the place and the language of a report. */
export function AskReport({ onClose, onDone }: Properties) {
  const words = useWords(reportsWords);
  const formId = useId();
  const bound = useIdentity().place_id;
  const [from, setFrom] = useState(yesterday);
  const [to, setTo] = useState(yesterday);
  const [place, setPlace] = useState(bound ?? '');
  const [language, setLanguage] = useState(useStore(languageStore));
  const [basis, setBasis] = useState<Basis>('');
  const body = {
    ...{ from, to, language },
    ...(place === '' ? {} : { place_id: place }),
    ...(basis === '' ? {} : { basis }),
  };
  const ask = useMutation({
    mutationFn: () => request<PostReportsAnswer>('/api/reports/', { method: 'POST', body }),
    onSuccess: ({ id }) => onDone(id),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  const isLate = from > to ? words.tooLate : undefined;
  return (
    <Dialog
      title={words.ask}
      onClose={onClose}
      footer={
        <button
          type="submit"
          form={formId}
          className="button button-primary"
          disabled={ask.isPending || isLate !== undefined}
        >
          {words.send}
        </button>
      }
    >
      <form id={formId} className="form" onSubmit={submit}>
        <div className="form-row">
          <TextField
            {...{ label: words.from, type: 'date', value: from, onChange: setFrom, required: true }}
            problem={isLate ?? problemOf(ask.error, 'from')}
          />
          <TextField
            {...{ label: words.to, type: 'date', value: to, onChange: setTo, required: true }}
            problem={problemOf(ask.error, 'to')}
          />
        </div>
        <PlaceChoice value={place} onChange={setPlace} problem={problemOf(ask.error, 'place_id')} />
        <div className="form-row">
          <SelectField
            {...{ label: words.language, value: language, onChange: setLanguage }}
            choices={languages.map((value) => ({ value, label: words.languages[value] }))}
          />
          <SelectField
            {...{ label: words.basis, value: basis, onChange: setBasis }}
            choices={bases.map((value) => ({
              value,
              label: value === '' ? words.basisAuto : words.bases[value],
            }))}
          />
        </div>
        {ask.error !== null && <ErrorBox error={ask.error} />}
      </form>
    </Dialog>
  );
}

type PlaceProperties = { value: string; onChange: (place: string) => void; problem: string | undefined };

/** A token that is bound to a place asks of that place alone. */
function PlaceChoice({ value, onChange, problem }: PlaceProperties) {
  const words = useWords(reportsWords);
  const isBound = useIdentity().place_id !== null;
  const places = usePlaces();
  const known = (places.data ?? []).map((one) => ({ value: one.place_id, label: one.place_name }));
  return (
    <SelectField
      {...{ label: words.place, value, onChange, problem }}
      choices={isBound ? known : [{ value: '', label: words.allPlaces }, ...known]}
    />
  );
}
