import { CodedError } from '../base/errors.ts';
import { createDocumentMaker, type DocumentMaker } from './fill-document.ts';
import type { Imported } from './imported.ts';
import type { Lookup } from './lookups.ts';
import type { Mapping } from './mapping.ts';
import { type CsvRow, readCsv } from './read-csv.ts';
import { type FieldTrouble, RowTrouble } from './read-value.ts';

export type MapOptions = {
  mapping: Mapping;
  lookups: ReadonlyMap<string, Lookup>;
  defaultCurrency: string;
  /** Of a piece of a file: how many lines were left out between its header and its rows. */
  skippedLines?: number;
};

type Group = { key: string | undefined; rows: CsvRow[]; trouble: string | undefined };

/**
 * The documents of a CSV file. Rows of one receipt stand together (see `refuseScattered`) unless the mapping
 * says `sorted: false`; then the whole file is held in memory.
 */
export async function* mapRows(
  input: AsyncIterable<Buffer>,
  options: MapOptions,
): AsyncGenerator<Imported[]> {
  let grouper: Grouper | undefined;
  for await (const rows of readCsv(input, options.mapping)) {
    if (grouper === undefined && rows.length > 0) grouper = startGrouper(rows.shift()!, options);
    for (const row of rows) row.line += options.skippedLines ?? 0;
    if (grouper !== undefined) yield grouper.read(rows);
  }
  if (grouper !== undefined) yield grouper.end();
}

function startGrouper(header: CsvRow, options: MapOptions): Grouper {
  const columns = headerColumns(header);
  const make = createDocumentMaker({ ...options, header: columns });
  const keyIndex = keyColumn(columns, options.mapping);
  return keyIndex !== undefined && options.mapping.sorted === false
    ? new ScatteredGrouper(make, keyIndex)
    : new AdjacentGrouper(make, keyIndex);
}

export function headerColumns(header: CsvRow): string[] {
  if (header.trouble !== undefined)
    throw new CodedError('import_failed', `line ${header.line}, the header: ${header.trouble}`);
  return header.cells.map((cell) => cell.trim());
}

/** Where the cell stands that tells receipts apart; undefined where each row is a receipt. */
export function keyColumn(
  columns: readonly string[],
  mapping: Pick<Mapping, 'group_by'>,
): number | undefined {
  if (mapping.group_by === undefined) return undefined;
  const index = columns.indexOf(mapping.group_by);
  if (index >= 0) return index;
  throw new CodedError(
    'import_failed',
    `group_by: there is no column ${mapping.group_by}; the file has ${columns.join(', ')}`,
  );
}

type Grouper = { read(rows: readonly CsvRow[]): Imported[]; end(): Imported[] };

/**
 * A row that cannot be read spoils its receipt: a receipt with a line missing would be a wrong one. Where
 * nothing tells which receipt that is, it spoils both beside it.
 */
class AdjacentGrouper implements Grouper {
  private readonly make: DocumentMaker;
  private readonly keyIndex: number | undefined;
  private group: Group | undefined;
  private spoiled: string | undefined;

  constructor(make: DocumentMaker, keyIndex: number | undefined) {
    this.make = make;
    this.keyIndex = keyIndex;
  }

  read(rows: readonly CsvRow[]): Imported[] {
    const documents: Imported[] = [];
    for (const row of rows) {
      const key = keyOf(row, this.keyIndex);
      const joins = this.group !== undefined && key !== undefined && key === this.group.key;
      if (this.keyIndex !== undefined && !joins && (key === undefined || row.trouble !== undefined)) {
        this.spoil(row, documents);
        continue;
      }
      if (!joins) documents.push(...this.end());
      this.group ??= { key, rows: [], trouble: this.spoiled };
      this.spoiled = undefined;
      this.group.rows.push(row);
      if (row.trouble !== undefined) this.group.trouble = about(row);
    }
    return documents;
  }

  private spoil(row: CsvRow, documents: Imported[]): void {
    if (this.group !== undefined) {
      this.group.trouble ??= `line ${row.line} beside it cannot be read and may belong to it`;
      documents.push(...this.end());
    }
    documents.push({ line: row.line, original: row.original, trouble: row.trouble ?? withoutKey });
    this.spoiled = `line ${row.line} beside it cannot be read and may belong to it`;
  }

  end(): Imported[] {
    const { group } = this;
    this.group = undefined;
    return group === undefined ? [] : [finish(group, this.make)];
  }
}

class ScatteredGrouper implements Grouper {
  private readonly make: DocumentMaker;
  private readonly keyIndex: number;
  private readonly groups = new Map<string, Group>();

  constructor(make: DocumentMaker, keyIndex: number) {
    this.make = make;
    this.keyIndex = keyIndex;
  }

  read(rows: readonly CsvRow[]): Imported[] {
    for (const row of rows) {
      const key = keyOf(row, this.keyIndex);
      if (key === undefined || row.trouble !== undefined)
        throw new CodedError(
          'import_failed',
          `${about(row)}; it may belong to any receipt, so nothing was sent: correct it first`,
        );
      let group = this.groups.get(key);
      if (group === undefined) {
        group = { key, rows: [], trouble: undefined };
        this.groups.set(key, group);
      }
      group.rows.push(row);
    }
    return [];
  }

  end(): Imported[] {
    return [...this.groups.values()].map((group) => finish(group, this.make));
  }
}

const withoutKey = 'the row has no value to group by';

/** Undefined where nothing tells which receipt a row belongs to. */
function keyOf(row: CsvRow, keyIndex: number | undefined): string | undefined {
  const key = keyIndex === undefined ? undefined : row.cells?.[keyIndex];
  return key?.trim() === '' ? undefined : key;
}

function about(row: CsvRow): string {
  return `line ${row.line}: ${row.trouble ?? withoutKey}`;
}

function finish(group: Group, make: DocumentMaker): Imported {
  const first = group.rows[0]!;
  const common = { line: first.line, original: group.rows.flatMap((row) => row.original) };
  if (group.trouble !== undefined) return { ...common, trouble: group.trouble, ...draftOf(group, make) };
  try {
    return { ...common, body: make(group.rows.map((row) => row.cells!)) };
  } catch (error) {
    if (!(error instanceof RowTrouble)) throw error;
    const { message: trouble, fields, draft } = error;
    return { ...common, trouble, fields, ...(draft === undefined ? {} : { draft }) };
  }
}

/** A document that was given up for a row beside it: as it would be without that row. */
function draftOf(group: Group, make: DocumentMaker): { draft?: Buffer; fields?: FieldTrouble[] } {
  if (group.rows.some((row) => row.trouble !== undefined)) return {};
  try {
    return { draft: make(group.rows.map((row) => row.cells!)) };
  } catch (error) {
    if (!(error instanceof RowTrouble) || error.draft === undefined) return {};
    return { draft: error.draft, fields: error.fields };
  }
}
