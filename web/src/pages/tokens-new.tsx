import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { request } from '../api.ts';
import type { GetTokensAnswer, PostTokensAnswer } from '../api-answers.ts';
import { problemOf } from '../field-problems.ts';
import { Dialog } from '../parts/dialog.tsx';
import { CheckField, SelectField, TextField } from '../parts/field.tsx';
import { ErrorBox } from '../parts/notice.tsx';
import { usePlaces } from '../places.ts';
import type { Role } from '../session.ts';
import { useWords } from '../words.ts';
import { tokensWords } from './tokens-words.ts';

export type Token = GetTokensAnswer['results'][number];

const roles: readonly Role[] = ['collector', 'analyst', 'marketer', 'operator', 'admin'];
const lifetimes = ['never', '30', '90', '365'] as const;
type Lifetime = (typeof lifetimes)[number];
const dayMs = 86_400_000;

type Draft = { name: string; roles: readonly Role[]; place: string; lifetime: Lifetime };

function createToken({ name, roles: chosen, place, lifetime }: Draft): Promise<PostTokensAnswer> {
  const body = {
    ...{ name, roles: chosen },
    ...(place === '' ? {} : { place_id: place }),
    ...(lifetime === 'never'
      ? {}
      : { expires_at: new Date(Date.now() + Number(lifetime) * dayMs).toISOString() }),
  };
  return request('/api/tokens/', { method: 'POST', body });
}

type Properties = { onClose: () => void; onDone: (token: PostTokensAnswer) => void };

/** Asks for a name, roles, a place and an end. */
export function NewToken({ onClose, onDone }: Properties) {
  const words = useWords(tokensWords);
  const formId = useId();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<readonly Role[]>(['collector']);
  const [place, setPlace] = useState('');
  const [lifetime, setLifetime] = useState<Lifetime>('never');
  const places = usePlaces();
  const create = useMutation({
    mutationFn: () => createToken({ name, roles: chosen, place, lifetime }),
    onSuccess: onDone,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Dialog
      title={words.create}
      onClose={onClose}
      footer={
        <button
          type="submit"
          form={formId}
          className="button button-primary"
          disabled={create.isPending || chosen.length === 0}
        >
          {words.make}
        </button>
      }
    >
      <form id={formId} className="form" onSubmit={submit}>
        <TextField
          label={words.name}
          hint={words.nameHint}
          value={name}
          onChange={setName}
          problem={problemOf(create.error, 'name')}
          required
        />
        <RoleChoices chosen={chosen} onChange={setChosen} />
        <TextField
          label={words.place}
          hint={chosen.includes('admin') ? words.adminUnbound : words.placeHint}
          value={place}
          onChange={setPlace}
          suggestions={(places.data ?? []).map(({ place_id }) => place_id)}
          problem={problemOf(create.error, 'place_id')}
        />
        <LifetimeChoice
          value={lifetime}
          onChange={setLifetime}
          problem={problemOf(create.error, 'expires_at')}
        />
        {create.error !== null && <ErrorBox error={create.error} />}
      </form>
    </Dialog>
  );
}

type RoleProperties = { chosen: readonly Role[]; onChange: (chosen: readonly Role[]) => void };

function RoleChoices({ chosen, onChange }: RoleProperties) {
  const words = useWords(tokensWords);
  return (
    <fieldset className="choices">
      <legend>{words.roles}</legend>
      {roles.map((role) => (
        <CheckField
          key={role}
          label={`${role}: ${words.rolesOf[role]}`}
          checked={chosen.includes(role)}
          onChange={(checked) =>
            onChange(checked ? [...chosen, role] : chosen.filter((other) => other !== role))
          }
        />
      ))}
      {chosen.length === 0 && <p className="field-problem">{words.chooseRole}</p>}
    </fieldset>
  );
}

type LifetimeProperties = {
  value: Lifetime;
  onChange: (lifetime: Lifetime) => void;
  problem: string | undefined;
};

function LifetimeChoice({ value, onChange, problem }: LifetimeProperties) {
  const words = useWords(tokensWords);
  const labelOf = (one: Lifetime) => {
    if (one === 'never') return words.never;
    return one === '365' ? words.year : words.days(Number(one));
  };
  return (
    <SelectField
      {...{ label: words.expires, value, onChange, problem }}
      choices={lifetimes.map((one) => ({ value: one, label: labelOf(one) }))}
    />
  );
}
