import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { request } from '../api.ts';
import type { PutChannelsIdAnswer } from '../api-answers.ts';
import { problemOf } from '../field-problems.ts';
import { Dialog } from '../parts/dialog.tsx';
import { CheckField, SelectField, TextField } from '../parts/field.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { type Language, languages, useWords } from '../words.ts';
import type { Channel } from './alerts-channel-data.ts';
import { channelWords } from './alerts-channel-words.ts';

const kinds = ['webhook', 'email', 'telegram', 'slack'] as const;
type Kind = Channel['kind'];
type Draft = Record<'id' | 'url' | 'secret' | 'to' | 'from' | 'chat' | 'bot', string> & {
  kind: Kind;
  newSecret: boolean;
  language: Language;
  enabled: boolean;
};

function draftOf(channel: Channel | undefined): Draft {
  return {
    ...{ id: channel?.channel_id ?? '', kind: channel?.kind ?? 'webhook', url: channel?.url ?? '' },
    ...{ secret: '', newSecret: false, to: channel?.to?.join(', ') ?? '', from: channel?.from ?? '' },
    ...{ chat: channel?.chat_id ?? '', bot: '', enabled: channel?.enabled ?? true },
    language: channel?.language ?? (document.documentElement.lang === 'ru' ? 'ru' : 'en'),
  };
}

/** Secrets that are left empty stay as they were. */
function bodyOf(draft: Draft) {
  const { kind, language, enabled } = draft;
  const given = (members: Record<string, string>) =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => value.trim() !== ''));
  const to = draft.to.split(/[,;\s]+/).filter((address) => address !== '');
  const own = {
    webhook: {
      ...given({ url: draft.url, secret: draft.secret }),
      ...(draft.newSecret ? { new_secret: true } : {}),
    },
    slack: given({ url: draft.url }),
    email: { to, ...given({ from: draft.from }) },
    telegram: given({ chat_id: draft.chat, bot_token: draft.bot }),
  }[kind];
  return { kind, language, enabled, ...own };
}

type Properties = {
  channel: Channel | undefined;
  onClose: () => void;
  onDone: (saved: { channel_id: string; secret: string | null }) => void;
};

export function EditChannel({ channel, onClose, onDone }: Properties) {
  const words = useWords(channelWords);
  const formId = useId();
  const [draft, setDraft] = useState(() => draftOf(channel));
  const set = (changes: Partial<Draft>) => setDraft({ ...draft, ...changes });
  const save = useMutation({
    mutationFn: () =>
      request<PutChannelsIdAnswer>(`/api/channels/${encodeURIComponent(draft.id)}`, {
        method: 'PUT',
        body: bodyOf(draft),
      }),
    onSuccess: onDone,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog
      title={channel === undefined ? words.create : words.editOf(channel.channel_id)}
      onClose={onClose}
      footer={
        <button type="submit" form={formId} className="button button-primary" disabled={save.isPending}>
          {words.save}
        </button>
      }
    >
      <form id={formId} className="form" onSubmit={submit}>
        {channel === undefined && (
          <TextField
            {...{ label: words.id, hint: words.idHint, value: draft.id, required: true }}
            onChange={(id) => set({ id })}
            problem={problemOf(save.error, 'id')}
          />
        )}
        <SelectField
          {...{ label: words.kind, value: draft.kind }}
          onChange={(kind) => set({ kind })}
          choices={kinds.map((value) => ({ value, label: words.kinds[value] }))}
        />
        <KindFields draft={draft} isNew={channel === undefined} error={save.error} onChange={set} />
        <SelectField
          {...{ label: words.language, value: draft.language }}
          onChange={(language) => set({ language })}
          choices={languages.map((value) => ({ value, label: words.languages[value] }))}
        />
        <CheckField label={words.enabled} checked={draft.enabled} onChange={(enabled) => set({ enabled })} />
        {save.error !== null && <ErrorBox error={save.error} />}
      </form>
    </Dialog>
  );
}

type FieldsProperties = {
  draft: Draft;
  isNew: boolean;
  error: unknown;
  onChange: (changes: Partial<Draft>) => void;
};

function KindFields({ draft, isNew, error, onChange }: FieldsProperties) {
  const words = useWords(channelWords);
  const text = (member: keyof Draft, name: string) => ({
    value: String(draft[member]),
    onChange: (value: string) => onChange({ [member]: value }),
    problem: problemOf(error, name),
  });
  if (draft.kind === 'email')
    return (
      <>
        <TextField label={words.emails} hint={words.emailsHint} {...text('to', 'to')} required />
        <TextField label={words.from} hint={words.fromHint} type="email" {...text('from', 'from')} />
      </>
    );
  if (draft.kind === 'telegram')
    return (
      <>
        <TextField label={words.chat} hint={words.chatHint} {...text('chat', 'chat_id')} required />
        <TextField
          {...{
            label: words.bot,
            hint: words.botHint,
            type: 'password',
            autoComplete: 'off',
            required: isNew,
          }}
          {...text('bot', 'bot_token')}
        />
      </>
    );
  if (draft.kind === 'slack')
    return (
      <TextField
        {...{ label: words.url, hint: words.slackHint, type: 'url', required: isNew }}
        {...text('url', 'url')}
      />
    );
  return (
    <>
      <TextField label={words.url} type="url" {...text('url', 'url')} required />
      <TextField
        {...{ label: words.secret, hint: words.secretHint, type: 'password', autoComplete: 'off' }}
        {...text('secret', 'secret')}
      />
      {!isNew && (
        <CheckField
          label={words.newSecret}
          checked={draft.newSecret}
          onChange={(newSecret) => onChange({ newSecret })}
        />
      )}
    </>
  );
}
