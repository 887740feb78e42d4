import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { request } from '../api.ts';
import type { GetTagRulesAnswer, PostTagRulesPreviewAnswer } from '../api-answers.ts';
import { problemOf } from '../field-problems.ts';
import { useFormat } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { CheckField, SelectField, TextField } from '../parts/field.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { showInFull } from '../show-in-full.ts';
import { useWords } from '../words.ts';
import { tagsWords } from './tags-words.ts';

export type TagRule = Omit<GetTagRulesAnswer['results'][number], 'scope' | 'metric'> & {
  scope: 'category' | 'product' | 'total';
  metric: 'orders' | 'units' | 'spent';
};
type Draft = Record<'tag' | 'match' | 'threshold' | 'window' | 'currency', string> &
  Pick<TagRule, 'scope' | 'metric' | 'sticky'>;

const blank: Draft = {
  ...{ tag: '', scope: 'category', match: '', metric: 'orders', threshold: '10' },
  ...{ window: '', currency: '', sticky: false },
};

const draftOf = (rule: TagRule): Draft => ({
  ...{ tag: rule.tag, scope: rule.scope, match: rule.match, metric: rule.metric },
  ...{ threshold: String(rule.threshold), window: String(rule.window_days ?? '') },
  ...{ currency: rule.currency ?? '', sticky: rule.sticky },
});

function bodyOf(draft: Draft) {
  return {
    ...{ tag: draft.tag, scope: draft.scope, metric: draft.metric, sticky: draft.sticky },
    threshold: Number(draft.threshold),
    ...(draft.scope === 'total' ? {} : { match: draft.match }),
    ...(draft.window === '' ? {} : { window_days: Number(draft.window) }),
    ...(draft.metric === 'spent' && draft.currency !== '' ? { currency: draft.currency } : {}),
  };
}

/** A rule can be looked at before its tag has a name. */
function previewTag(draft: Draft): Promise<PostTagRulesPreviewAnswer> {
  const body = bodyOf({ ...draft, tag: draft.tag === '' ? '–' : draft.tag });
  return request('/api/tag-rules/preview', { method: 'POST', body });
}

type Properties = { rule: TagRule | undefined; onClose: () => void; onDone: () => void };

/** Makes a rule or changes one, with a look at whom it would tag. */
export function EditTag({ rule, onClose, onDone }: Properties) {
  const words = useWords(tagsWords);
  const formId = useId();
  const [draft, setDraft] = useState<Draft>(rule === undefined ? blank : draftOf(rule));
  const preview = useMutation({ mutationFn: () => previewTag(draft) });
  const save = useMutation({
    mutationFn: () =>
      request(rule === undefined ? '/api/tag-rules/' : `/api/tag-rules/${rule.rule_id}`, {
        method: rule === undefined ? 'POST' : 'PUT',
        body: bodyOf(draft),
      }),
    onSuccess: onDone,
  });
  // What was shown before is of another rule.
  const set = (changes: Partial<Draft>) => {
    setDraft({ ...draft, ...changes });
    preview.reset();
    save.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const error = save.error ?? preview.error;
  return (
    <Dialog
      title={rule === undefined ? words.create : words.editOf(rule.tag)}
      onClose={onClose}
      footer={
        <>
          <button
            type="button"
            className="button"
            disabled={preview.isPending}
            onClick={() => preview.mutate()}
          >
            {words.preview}
          </button>
          <button type="submit" form={formId} className="button button-primary" disabled={save.isPending}>
            {words.save}
          </button>
        </>
      }
    >
      <form id={formId} className="form" onSubmit={submit}>
        <TextField
          {...{ label: words.tag, hint: words.tagHint, value: draft.tag, required: true }}
          onChange={(tag) => set({ tag })}
          problem={problemOf(error, 'tag')}
        />
        <RuleFields draft={draft} error={error} onChange={set} />
        <CheckField label={words.sticky} checked={draft.sticky} onChange={(sticky) => set({ sticky })} />
        {error !== null && <ErrorBox error={error} />}
        {preview.data !== undefined && <Previewed preview={preview.data} draft={draft} />}
      </form>
    </Dialog>
  );
}

type FieldsProperties = { draft: Draft; error: unknown; onChange: (changes: Partial<Draft>) => void };

function RuleFields({ draft, error, onChange }: FieldsProperties) {
  const words = useWords(tagsWords);
  const choices = <T extends string>(labels: Record<T, string>) =>
    (Object.keys(labels) as T[]).map((value) => ({ value, label: labels[value] }));
  return (
    <>
      <div className="form-row">
        <SelectField
          label={words.scope}
          value={draft.scope}
          choices={choices(words.scopes)}
          onChange={(scope) => onChange({ scope })}
        />
        {draft.scope !== 'total' && (
          <TextField
            {...{ label: words.match[draft.scope], value: draft.match, required: true }}
            onChange={(match) => onChange({ match })}
            problem={problemOf(error, 'match')}
          />
        )}
      </div>
      <div className="form-row">
        <SelectField
          label={words.metric}
          value={draft.metric}
          choices={choices(words.metrics)}
          onChange={(metric) => onChange({ metric })}
        />
        <TextField
          {...{ label: words.threshold, type: 'number', value: draft.threshold, required: true }}
          {...{ min: '0', step: 'any' }}
          onChange={(threshold) => onChange({ threshold })}
          problem={problemOf(error, 'threshold')}
        />
        {draft.metric === 'spent' && (
          <TextField
            {...{ label: words.currency, hint: words.currencyHint, value: draft.currency }}
            onChange={(currency) => onChange({ currency: currency.toUpperCase() })}
            problem={problemOf(error, 'currency')}
          />
        )}
        <TextField
          {...{ label: words.window, hint: words.windowHint, type: 'number', value: draft.window, min: '1' }}
          onChange={(window) => onChange({ window })}
          problem={problemOf(error, 'window_days')}
        />
      </div>
    </>
  );
}

function Previewed({ preview, draft }: { preview: PostTagRulesPreviewAnswer; draft: Draft }) {
  const words = useWords(tagsWords);
  const format = useFormat();
  const { customers, examples } = preview;
  const shown = (value: number) =>
    draft.metric === 'spent' && draft.currency.length === 3
      ? format.money(value, draft.currency)
      : format.number(value);
  return (
    <section ref={showInFull} className="preview" aria-label={words.preview} aria-live="polite">
      <h3>{customers === 0 ? words.previewNone : words.previewTitle(format.number(customers))}</h3>
      {examples.length > 0 && (
        <ul className="drivers">
          {examples.map(({ customer_id, customer_name, value }) => (
            <li key={customer_id}>
              <span>
                {customer_name ?? customer_id} {customer_name !== null && <code>{customer_id}</code>}
              </span>
              <span className="numeric">{shown(value)}</span>
            </li>
          ))}
        </ul>
      )}
      {customers > examples.length && (
        <p className="muted">{words.previewMore(format.number(customers - examples.length))}</p>
      )}
    </section>
  );
}
