import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { request } from '../api.ts';
import { problemOf } from '../field-problems.ts';
import { Dialog } from '../parts/dialog.tsx';
import { CheckField, SelectField, TextField } from '../parts/field.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { useWords } from '../words.ts';
import { useChannels } from './alerts-channel-data.ts';
import {
  type AlertRule,
  bodyOf,
  draftOf,
  type RuleDraft,
  ruleKinds,
  startDraft,
} from './alerts-rule-draft.ts';
import { RuleFields } from './alerts-rule-fields.tsx';
import { type Preview, PreviewedRule } from './alerts-rule-preview.tsx';
import { ruleWords } from './alerts-rule-words.ts';
import { alertsWords } from './alerts-words.ts';

const dayMs = 86_400_000;
const previewDays = ['1', '7', '28', '60'] as const;
type Days = (typeof previewDays)[number];

type Properties = { rule: AlertRule | undefined; onClose: () => void; onDone: () => void };

/** Makes an alert rule or changes one; the preview draws what it would have said. */
export function EditRule({ rule, onClose, onDone }: Properties) {
  const words = useWords(ruleWords);
  const formId = useId();
  const [draft, setDraft] = useState<RuleDraft>(rule === undefined ? startDraft('threshold') : draftOf(rule));
  const [days, setDays] = useState<Days>('7');
  const preview = useMutation({ mutationFn: (of: Days) => previewRule(draft, rule, of) });
  const save = useMutation({
    mutationFn: () =>
      request(rule === undefined ? '/api/alert-rules/' : `/api/alert-rules/${rule.rule_id}`, {
        method: rule === undefined ? 'POST' : 'PUT',
        body: bodyOf(draft, rule),
      }),
    onSuccess: onDone,
  });
  // What was drawn before is of another rule.
  const set = (changes: Partial<RuleDraft>) => {
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
      title={rule === undefined ? words.create : words.editOf(rule.name)}
      onClose={onClose}
      footer={
        <>
          <SelectField
            {...{ label: words.previewDays, hideLabel: true, value: days, onChange: setDays }}
            choices={previewDays.map((value) => ({ value, label: `${words.previewDays}: ${value}` }))}
          />
          <button
            type="button"
            className="button"
            disabled={preview.isPending}
            onClick={() => preview.mutate(days)}
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
        <Naming draft={draft} error={error} onChange={set} />
        <RuleFields draft={draft} error={error} onChange={set} />
        <ChannelChoices chosen={draft.channels} onChange={(channels) => set({ channels })} />
        <CheckField label={words.enabled} checked={draft.enabled} onChange={(enabled) => set({ enabled })} />
        {error !== null && <ErrorBox error={error} />}
        {preview.data !== undefined && <PreviewedRule preview={preview.data} metric={draft.metric} />}
      </form>
    </Dialog>
  );
}

function previewRule(draft: RuleDraft, rule: AlertRule | undefined, days: Days): Promise<Preview> {
  const body = bodyOf(draft, rule);
  return request('/api/alert-rules/preview', {
    method: 'POST',
    query: { from: new Date(Date.now() - Number(days) * dayMs).toISOString() },
    // A rule can be looked at before it has a name.
    body: { ...body, name: body.name === '' ? '–' : body.name },
  });
}

type PartProperties = { draft: RuleDraft; error: unknown; onChange: (changes: Partial<RuleDraft>) => void };

function Naming({ draft, error, onChange }: PartProperties) {
  const words = useWords(ruleWords);
  const { kinds } = useWords(alertsWords);
  return (
    <>
      <TextField
        {...{ label: words.name, value: draft.name, required: true }}
        onChange={(name) => onChange({ name })}
        problem={problemOf(error, 'name')}
      />
      <SelectField
        {...{ label: words.kind, value: draft.kind, hint: words.kindHints[draft.kind] }}
        onChange={(kind) => onChange(startDraft(kind, draft))}
        choices={ruleKinds.map((value) => ({ value, label: kinds[value] }))}
      />
    </>
  );
}

type ChannelProperties = { chosen: readonly string[]; onChange: (chosen: readonly string[]) => void };

function ChannelChoices({ chosen, onChange }: ChannelProperties) {
  const words = useWords(ruleWords);
  const known = (useChannels().data ?? []).map(({ channel_id }) => channel_id);
  const all = [...new Set([...known, ...chosen])];
  return (
    <fieldset className="choices">
      <legend>{words.tell}</legend>
      {all.length === 0 && <p className="field-hint">{words.noChannels}</p>}
      {all.map((id) => (
        <CheckField
          key={id}
          label={id}
          checked={chosen.includes(id)}
          onChange={(checked) => onChange(checked ? [...chosen, id] : chosen.filter((one) => one !== id))}
        />
      ))}
    </fieldset>
  );
}
