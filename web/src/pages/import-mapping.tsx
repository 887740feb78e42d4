import { useState } from 'react';
import { saveBlob } from '../api.ts';
import type { PostImportsPreviewAnswer } from '../api-answers.ts';
import { SelectField, TextArea, TextField } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { Card } from '../parts/page.tsx';
import { useWords } from '../words.ts';
import {
  type KnownField,
  knownFields,
  originOf,
  type Part,
  partsOf,
  withField,
  withOrigin,
  withSource,
} from './import-fields.ts';
import type { Mapping, MappingField } from './import-file.ts';
import { importWords } from './import-words.ts';

type Columns = PostImportsPreviewAnswer['columns'];
type Properties = {
  mapping: Mapping;
  columns: Columns;
  guessed: boolean;
  errors: readonly string[];
  onChange: (mapping: Mapping) => void;
};

/** Which column makes which field, and how it is written there. */
export function MappingEditor({ mapping, columns, guessed, errors, onChange }: Properties) {
  const words = useWords(importWords);
  return (
    <Card title={words.mapping} className="import-mapping">
      <p className="muted">{guessed ? words.guessed : words.mappingLead}</p>
      <FileSettings {...{ mapping, columns, onChange }} />
      {errors.length > 0 && (
        <div className="notice notice-warning" role="status">
          <Icon name="warning" />
          <div>
            <strong>{words.mappingErrors}</strong>
            <ul>
              {errors.map((error) => (
                <li key={error}>{error}</li>
              ))}
            </ul>
          </div>
        </div>
      )}
      <div className="import-parts">
        {partsOf(mapping.source).map((part) => (
          <section key={part} aria-label={words.parts[part]}>
            <h3>{words.parts[part]}</h3>
            <ul className="import-fields">
              {knownFields[part].map((known) => (
                <FieldRow
                  key={known.name}
                  {...{ known, columns }}
                  field={mapping[part]?.[known.name]}
                  onChange={(field) => onChange(withField(mapping, part, known.name, field))}
                />
              ))}
              <OwnFields {...{ mapping, part }} />
            </ul>
          </section>
        ))}
      </div>
      <MappingText mapping={mapping} onChange={onChange} />
    </Card>
  );
}

function FileSettings({ mapping, columns, onChange }: Pick<Properties, 'mapping' | 'columns' | 'onChange'>) {
  const words = useWords(importWords);
  const { group_by, delimiter = ',', encoding = 'utf-8' } = mapping;
  const own = columns.filter(({ name }) => !name.includes('.'));
  const { group_by: _, ...ungrouped } = mapping;
  return (
    <div className="import-settings">
      <SelectField
        label={words.source}
        value={mapping.source}
        choices={(['receipt', 'transaction'] as const).map((value) => ({
          value,
          label: words.sources[value],
        }))}
        onChange={(source) => onChange(withSource(mapping, source))}
      />
      {mapping.source === 'receipt' && (
        <SelectField
          label={words.groupBy}
          value={group_by ?? ''}
          choices={[
            { value: '', label: words.eachRow },
            ...own.map(({ name }) => ({ value: name, label: name })),
          ]}
          onChange={(column) => onChange(column === '' ? ungrouped : { ...mapping, group_by: column })}
        />
      )}
      <SelectField
        label={words.delimiter}
        value={delimiter}
        choices={([',', ';', '\t', '|'] as const).map((value) => ({ value, label: words.delimiters[value] }))}
        onChange={(value) => onChange({ ...mapping, delimiter: value })}
      />
      <SelectField
        label={words.encoding}
        value={encoding}
        choices={['utf-8', 'windows-1251', 'latin1'].map((value) => ({ value, label: value }))}
        onChange={(value) => onChange({ ...mapping, encoding: value })}
      />
    </div>
  );
}

type RowProperties = {
  known: KnownField;
  columns: Columns;
  field: MappingField | undefined;
  onChange: (field: MappingField | undefined) => void;
};

function FieldRow({ known, columns, field, onChange }: RowProperties) {
  const words = useWords(importWords);
  const label = words.fields[known.name];
  const origin = originOf(field);
  const isMissing = known.isNeeded === true && field === undefined;
  const choices = [
    { value: '', label: words.nothing },
    ...columns.map(({ name }) => ({ value: `column:${name}`, label: name })),
    { value: 'const', label: words.fixed },
    { value: 'format', label: words.text },
    ...(known.isSum === true ? [{ value: 'sum', label: words.sum }] : []),
  ];
  // A column that another file has no more stays to be seen.
  if (!choices.some((choice) => choice.value === origin))
    choices.push({ value: origin, label: field?.column ?? origin });
  const samples = columns.find(({ name }) => name === field?.column)?.samples ?? [];
  return (
    <li className={isMissing ? 'import-field import-field-missing' : 'import-field'}>
      <div className="import-field-name">
        {label} {known.isNeeded === true && <span className="muted">· {words.needed}</span>}
      </div>
      <SelectField
        label={words.fromOf(label)}
        hideLabel
        value={origin}
        choices={choices}
        onChange={(next) => onChange(withOrigin(field, next))}
      />
      <Written {...{ known, field, onChange, label }} />
      <div className="import-samples muted">{samples.slice(0, 3).join(' · ')}</div>
    </li>
  );
}

function Written({ known, field, onChange, label }: Omit<RowProperties, 'columns'> & { label: string }) {
  const words = useWords(importWords);
  if (field === undefined || field.sum !== undefined) return <span />;
  const { decimal, date, ...rest } = field;
  return (
    <div className="import-written">
      {field.const !== undefined && (
        <TextField
          label={words.value(label)}
          hideLabel
          value={String(field.const)}
          onChange={(value) => onChange({ const: value })}
        />
      )}
      {field.format !== undefined && (
        <TextField
          label={words.value(label)}
          hideLabel
          value={field.format}
          onChange={(format) => onChange({ ...field, format })}
        />
      )}
      {known.kind === 'amount' && field.const === undefined && (
        <SelectField
          label={words.decimalOf(label)}
          hideLabel
          value={decimal ?? ''}
          choices={(['', ',', '.'] as const).map((value) => ({ value, label: words.decimals[value] }))}
          onChange={(mark) => onChange(mark === '' ? rest : { ...rest, decimal: mark })}
        />
      )}
      {known.kind === 'time' && field.const === undefined && (
        <TextField
          label={words.dateOf(label)}
          hideLabel
          placeholder={words.iso}
          value={date ?? ''}
          suggestions={[
            'DD.MM.YYYY HH:mm',
            'DD.MM.YYYY HH:mm:ss',
            'MM/DD/YYYY hh:mm A',
            'YYYY-MM-DD HH:mm:ss',
          ]}
          onChange={(pattern) => onChange(pattern === '' ? rest : { ...rest, date: pattern })}
        />
      )}
    </div>
  );
}

/** Fields that only the JSON of the mapping has. */
function OwnFields({ mapping, part }: { mapping: Mapping; part: Part }) {
  const known = new Set<string>(knownFields[part].map(({ name }) => name));
  return Object.entries(mapping[part] ?? {})
    .filter(([name]) => !known.has(name))
    .map(([name, field]) => (
      <li key={name} className="import-field">
        <div className="import-field-name">{name}</div>
        <code className="import-own">{JSON.stringify(field)}</code>
      </li>
    ));
}

function MappingText({ mapping, onChange }: Pick<Properties, 'mapping' | 'onChange'>) {
  const words = useWords(importWords);
  const [draft, setDraft] = useState<string>();
  const save = () =>
    saveBlob(
      new Blob([`${JSON.stringify(mapping, null, 2)}\n`], { type: 'application/json' }),
      'mapping.json',
    );
  const edit = (text: string) => {
    try {
      onChange(JSON.parse(text) as Mapping);
      setDraft(undefined);
    } catch {
      setDraft(text);
    }
  };
  return (
    <details className="import-json">
      <summary>{words.json}</summary>
      <TextArea
        label={words.json}
        hint={words.jsonHint}
        problem={draft === undefined ? undefined : words.jsonWrong}
        hideLabel
        monospace
        rows={14}
        value={draft ?? JSON.stringify(mapping, null, 2)}
        onChange={edit}
      />
      <button type="button" className="button" onClick={save}>
        <Icon name="download" />
        {words.saveMapping}
      </button>
    </details>
  );
}
