import { useState } from 'react';
import type { FieldProblem } from '../api.ts';
import {
  childOf,
  countValues,
  hasPlace,
  isObject,
  type Json,
  readTyped,
  segmentsOf,
  withValue,
} from '../json-pointer.ts';
import { Segments, TextArea, TextField } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { useWords } from '../words.ts';
import { journalWords } from './journal-words.ts';

type Properties = {
  document: Json;
  problems: readonly FieldProblem[];
  isEditable: boolean;
  onChange: (document: Json) => void;
};

/** Above this, fields of their own would be slow and no help. */
const mostFields = 400;

/** A document field by field with its problems where they are, or as text. */
export function DocumentEditor(properties: Properties) {
  const words = useWords(journalWords);
  const { document, problems } = properties;
  const hasFields = isObject(document) && countValues(document) <= mostFields;
  const [view, setView] = useState<'fields' | 'text'>(hasFields ? 'fields' : 'text');
  const outside = problems.filter(({ pointer }) => pointer === '' || !hasPlace(document, pointer));
  const missing = outside.filter(({ pointer }) => pointer !== '' && hasParent(document, pointer));
  const whole = outside.filter((problem) => !missing.includes(problem));
  return (
    <div className="journal-document">
      {hasFields && (
        <Segments
          label={words.view}
          value={view}
          choices={[
            { value: 'fields', label: words.fields },
            { value: 'text', label: words.text },
          ]}
          onChange={setView}
        />
      )}
      {whole.length > 0 && (
        <ul className="journal-whole" aria-label={words.wholeDocument}>
          {whole.map(({ pointer, code, message }) => (
            <li key={`${pointer} ${code}`}>
              <Icon name="warning" />
              <span>
                {pointer !== '' && <code>{pointer}</code>} {message}
              </span>
            </li>
          ))}
        </ul>
      )}
      {view === 'fields' && hasFields ? (
        <Members {...properties} pointer="" value={document} />
      ) : (
        <DocumentText {...properties} />
      )}
    </div>
  );
}

function hasParent(document: Json, pointer: string): boolean {
  return hasPlace(document, pointer.slice(0, pointer.lastIndexOf('/')));
}

type Place = Properties & { pointer: string };

function Members(place: Place & { value: { [name: string]: Json } }) {
  const { pointer, value, problems, isEditable, onChange, document } = place;
  const words = useWords(journalWords);
  const missing = problems.filter((problem) => {
    const parent = problem.pointer.slice(0, problem.pointer.lastIndexOf('/'));
    return parent === pointer && problem.pointer !== '' && !hasPlace(document, problem.pointer);
  });
  return (
    <div className="journal-members">
      {Object.entries(value).map(([name, member]) => (
        <Value key={name} {...place} pointer={childOf(pointer, name)} name={name} value={member} />
      ))}
      {missing.map((problem) => {
        const name = segmentsOf(problem.pointer).at(-1)!;
        return (
          <div key={problem.pointer} className="journal-missing">
            <p className="field-problem">
              <strong>{name}</strong> {problem.message}
            </p>
            {isEditable && (
              <button
                type="button"
                className="button button-small"
                onClick={() => onChange(withValue(document, problem.pointer, ''))}
              >
                <Icon name="plus" />
                {words.add(name)}
              </button>
            )}
          </div>
        );
      })}
    </div>
  );
}

function Value({ name, value, ...place }: Place & { name: string; value: Json }) {
  const { pointer, problems } = place;
  if (Array.isArray(value)) return <Items {...place} name={name} value={value} />;
  if (!isObject(value)) return <Scalar {...place} name={name} value={value} />;
  return (
    <fieldset
      className={wrongAt(problems, pointer) === undefined ? 'journal-group' : 'journal-group journal-wrong'}
    >
      <legend>{name}</legend>
      <Here {...place} />
      <Members {...place} value={value} />
    </fieldset>
  );
}

function Items({ name, value, ...place }: Place & { name: string; value: Json[] }) {
  const words = useWords(journalWords);
  const { pointer, document, isEditable, onChange } = place;
  const template = value.at(-1);
  return (
    <fieldset className="journal-group">
      <legend>{name}</legend>
      <Here {...place} />
      {value.map((item, index) => {
        const at = childOf(pointer, index);
        return (
          <div key={at} className="journal-item">
            <div className="journal-item-head">
              <span className="muted">{words.item(index + 1)}</span>
              {isEditable && (
                <button
                  type="button"
                  className="button button-plain"
                  aria-label={words.remove(words.item(index + 1))}
                  onClick={() => onChange(withValue(document, at, undefined))}
                >
                  <Icon name="cross" />
                </button>
              )}
            </div>
            {isObject(item) ? (
              <>
                <Here {...place} pointer={at} />
                <Members {...place} pointer={at} value={item} />
              </>
            ) : (
              <Value {...place} pointer={at} name={String(index)} value={item} />
            )}
          </div>
        );
      })}
      {isEditable && template !== undefined && (
        <button
          type="button"
          className="button button-small"
          onClick={() => onChange(withValue(document, childOf(pointer, value.length), template))}
        >
          <Icon name="plus" />
          {words.addItem}
        </button>
      )}
    </fieldset>
  );
}

/** The problems of a group as a whole. */
function Here({ problems, pointer }: Place) {
  const problem = wrongAt(problems, pointer);
  return problem === undefined ? null : <p className="field-problem">{problem}</p>;
}

function wrongAt(problems: readonly FieldProblem[], pointer: string): string | undefined {
  const here = problems.filter((problem) => problem.pointer === pointer).map(({ message }) => message);
  return here.length === 0 ? undefined : [...new Set(here)].join('; ');
}

function Scalar({ name, value, ...place }: Place & { name: string; value: Json }) {
  const { pointer, problems, document, isEditable, onChange } = place;
  // The kind of what stood there first, since a figure half typed is a text for a moment.
  const [first] = useState(value);
  const problem = wrongAt(problems, pointer);
  if (!isEditable)
    return (
      <div className="journal-scalar">
        <span className="muted">{name}</span>
        <span>{String(value)}</span>
        {problem !== undefined && <p className="field-problem">{problem}</p>}
      </div>
    );
  const typed = problem !== undefined && typeof first === 'string' ? null : first;
  return (
    <TextField
      label={name}
      problem={problem}
      value={typeof value === 'string' ? value : JSON.stringify(value)}
      onChange={(text) => onChange(withValue(document, pointer, readTyped(text, typed)))}
    />
  );
}

function DocumentText({ document, problems, isEditable, onChange }: Properties) {
  const words = useWords(journalWords);
  const written = typeof document === 'string' ? document : JSON.stringify(document, null, 2);
  const [draft, setDraft] = useState<string>();
  const edit = (text: string) => {
    try {
      onChange(JSON.parse(text) as Json);
      setDraft(undefined);
    } catch {
      setDraft(text);
    }
  };
  if (!isEditable) return <pre className="journal-text">{written}</pre>;
  return (
    <>
      <TextArea
        label={words.document}
        hideLabel
        monospace
        rows={18}
        problem={draft === undefined ? undefined : words.wrongJson}
        value={draft ?? written}
        onChange={edit}
      />
      <ul className="journal-list">
        {problems.map(({ pointer, code, message }) => (
          <li key={`${pointer} ${code}`}>
            <code>{pointer}</code> {message}
          </li>
        ))}
      </ul>
    </>
  );
}
