import type { ReactNode } from 'react';
import type { FieldProblem } from '../api.ts';
import { Badge } from '../parts/badge.tsx';
import { EmptyState } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { useWords } from '../words.ts';
import { importWords } from './import-words.ts';

export type PreviewDocument = {
  line: number;
  document: unknown;
  problems: FieldProblem[];
  remarks: FieldProblem[];
};

/** One row of the table: a document, or one of its items. */
type Row = {
  key: string;
  line: number;
  cells: Map<string, unknown>;
  wrong: Map<string, string[]>;
  rest: string[];
};

/** The first documents of the file in a table, each problem at its cell. */
export function DocumentsPreview({ documents }: { documents: readonly PreviewDocument[] }) {
  const words = useWords(importWords);
  const wrong = documents.filter(({ problems }) => problems.length > 0).length;
  if (documents.length === 0)
    return (
      <Card title={words.preview}>
        <EmptyState title={words.emptyFile}>{words.emptyFileHint}</EmptyState>
      </Card>
    );
  const rows = documents.flatMap(rowsOf);
  const names = [...new Set(rows.flatMap((row) => [...row.cells.keys(), ...row.wrong.keys()]))];
  const columns: Column<Row>[] = [
    { name: 'line', title: words.line, numeric: true, cell: (row) => (row.line === 0 ? '' : row.line) },
    ...names.map((name) => ({ name, title: name, cell: (row: Row) => <Cell row={row} name={name} /> })),
  ];
  if (rows.some((row) => row.rest.length > 0))
    columns.splice(1, 0, {
      name: '/problems',
      title: words.problem,
      cell: (row) => row.rest.map((text) => <Mark key={text}>{text}</Mark>),
    });
  return (
    <Card
      className="import-preview"
      title={words.preview}
      actions={
        wrong > 0 ? (
          <Badge tone="bad">{words.problemCount(wrong)}</Badge>
        ) : (
          <Badge tone="good">{words.noProblems}</Badge>
        )
      }
    >
      <p className="muted">{words.previewLead(documents.length)}</p>
      <Table
        label={words.preview}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.key}
        rowClass={(row) => (row.line === 0 ? 'import-item' : 'import-document')}
      />
    </Card>
  );
}

function Cell({ row, name }: { row: Row; name: string }) {
  const value = row.cells.get(name);
  const problems = row.wrong.get(name) ?? [];
  const text = value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
  if (problems.length === 0) return <span className="import-cell">{text}</span>;
  return (
    <span className="import-cell import-cell-wrong">
      {text !== '' && <strong>{text}</strong>}
      {problems.map((problem) => (
        <Mark key={problem}>{problem}</Mark>
      ))}
    </span>
  );
}

function Mark({ children }: { children: ReactNode }) {
  return <span className="import-mark">{children}</span>;
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Its items under the document; the first stands on its own row. */
function rowsOf({ line, document, problems, remarks }: PreviewDocument): Row[] {
  const fields = isPlain(document) ? document : {};
  const items = Array.isArray(fields.items) ? fields.items : [];
  const rows: Row[] = Array.from({ length: Math.max(1, items.length) }, (_, index) => ({
    key: `${line} ${index}`,
    line: index === 0 ? line : 0,
    cells: new Map(),
    wrong: new Map(),
    rest: [],
  }));
  const first = rows[0]!;
  for (const [name, value] of Object.entries(fields)) if (name !== 'items') first.cells.set(name, value);
  for (const [index, item] of items.entries())
    for (const [name, value] of Object.entries(isPlain(item) ? item : { item }))
      rows[index]!.cells.set(`items/${name}`, value);
  if (!isPlain(document)) first.rest.push(String(document));
  for (const { pointer, message } of [...problems, ...remarks]) place(rows, pointer, message);
  return rows;
}

function place(rows: Row[], pointer: string, message: string): void {
  const [head, index, field] = pointer.split('/').slice(1);
  const row = head === 'items' && index !== undefined ? rows[Number(index)] : rows[0];
  const name = head === 'items' ? (field === undefined ? undefined : `items/${field}`) : head;
  if (row === undefined || name === undefined || name === '') {
    rows[0]!.rest.push(message);
    return;
  }
  row.wrong.set(name, [...(row.wrong.get(name) ?? []), message]);
}
