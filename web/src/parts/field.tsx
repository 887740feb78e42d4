import { type ReactNode, useId } from 'react';

type Common = {
  label: string;
  hint?: string | undefined;
  /** What is wrong with the value, in a sentence. */
  problem?: string | undefined;
  /** The label is for screen readers alone, where the place tells what it is. */
  hideLabel?: boolean;
};
type Described = { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined };

/** Label, hint and problem around one control, tied to it for screen readers. */
function Field({
  label,
  hint,
  problem,
  hideLabel = false,
  children,
}: Common & { children: (ids: Described) => ReactNode }) {
  const id = useId();
  const told = [hint === undefined ? '' : `${id}-hint`, problem === undefined ? '' : `${id}-problem`];
  const described = told.filter((one) => one !== '').join(' ');
  return (
    <div className="field">
      <label htmlFor={id} className={hideLabel ? 'visually-hidden' : undefined}>
        {label}
      </label>
      {children({
        id,
        'aria-describedby': described === '' ? undefined : described,
        'aria-invalid': problem === undefined ? undefined : true,
      })}
      {hint !== undefined && (
        <p id={`${id}-hint`} className="field-hint">
          {hint}
        </p>
      )}
      {problem !== undefined && (
        <p id={`${id}-problem`} className="field-problem">
          {problem}
        </p>
      )}
    </div>
  );
}

type TextProperties = Common & {
  value: string;
  onChange: (value: string) => void;
  type?: 'text' | 'password' | 'number' | 'date' | 'datetime-local' | 'search' | 'url' | 'email';
  placeholder?: string;
  autoComplete?: string;
  required?: boolean;
  min?: string;
  max?: string;
  step?: string;
  /** Offered while typing. */
  suggestions?: readonly string[];
};

export function TextField({
  label,
  hint,
  problem,
  hideLabel,
  onChange,
  suggestions,
  ...input
}: TextProperties) {
  const listId = useId();
  return (
    <Field {...{ label, hint, problem, ...(hideLabel === undefined ? {} : { hideLabel }) }}>
      {(ids) => (
        <>
          <input
            {...ids}
            {...input}
            list={suggestions === undefined ? undefined : listId}
            onChange={(event) => onChange(event.target.value)}
          />
          {suggestions !== undefined && (
            <datalist id={listId}>
              {suggestions.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

type AreaProperties = Common & {
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  /** For code and documents. */
  monospace?: boolean;
};

export function TextArea({
  label,
  hint,
  problem,
  hideLabel,
  value,
  onChange,
  rows = 6,
  monospace,
}: AreaProperties) {
  return (
    <Field {...{ label, hint, problem, ...(hideLabel === undefined ? {} : { hideLabel }) }}>
      {(ids) => (
        <textarea
          {...ids}
          {...{ value, rows }}
          className={monospace === true ? 'monospace' : undefined}
          spellCheck={monospace !== true}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export type Choice<T extends string> = { value: T; label: string };
type SelectProperties<T extends string> = Common & {
  value: T;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
};

export function SelectField<T extends string>({
  label,
  hint,
  problem,
  hideLabel,
  ...select
}: SelectProperties<T>) {
  const { value, choices, onChange } = select;
  return (
    <Field {...{ label, hint, problem, ...(hideLabel === undefined ? {} : { hideLabel }) }}>
      {(ids) => (
        <select {...ids} value={value} onChange={(event) => onChange(event.target.value as T)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

type CheckProperties = { label: string; checked: boolean; onChange: (checked: boolean) => void };

export function CheckField({ label, checked, onChange }: CheckProperties) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      {label}
    </label>
  );
}

type SegmentsProperties<T extends string> = {
  label: string;
  value: T;
  choices: readonly (Choice<T> & { content?: ReactNode })[];
  onChange: (value: T) => void;
};

/** A few choices side by side, one of them pressed. */
export function Segments<T extends string>({ label, value, choices, onChange }: SegmentsProperties<T>) {
  return (
    <fieldset className="segments">
      <legend className="visually-hidden">{label}</legend>
      {choices.map((choice) => (
        <button
          key={choice.value}
          type="button"
          aria-pressed={choice.value === value}
          {...(choice.content === undefined ? {} : { 'aria-label': choice.label, title: choice.label })}
          onClick={() => onChange(choice.value)}
        >
          {choice.content ?? choice.label}
        </button>
      ))}
    </fieldset>
  );
}
