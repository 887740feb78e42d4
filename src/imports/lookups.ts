import { createReadStream } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../base/errors.ts';
import { fieldsOf, type Mapping } from './mapping.ts';
import { readCsv } from './read-csv.ts';
import { TextTable } from './text-table.ts';

/** A file that a mapping looks things up in: the cells that the mapping uses, by key. */
export type Lookup = {
  file: string;
  key: string;
  columns: string[];
  find(key: string): string[] | undefined;
};

/** Opens a file by the name that the mapping has for it. */
export type OpenFile = (file: string) => AsyncIterable<Buffer>;

/** Joins the cells of a row into one text. */
const unitSeparator = '\u001f';

/** The columns of each lookup that are named anywhere in a mapping, as `lookup.column`. */
function usedColumns(mapping: Mapping): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  const note = (reference: string | undefined) => {
    const dot = reference?.indexOf('.') ?? -1;
    if (dot < 0) return;
    const columns = used.get(reference!.slice(0, dot)) ?? new Set();
    used.set(reference!.slice(0, dot), columns.add(reference!.slice(dot + 1)));
  };
  const { document, items } = fieldsOf(mapping);
  for (const field of [...Object.values(document), ...Object.values(items ?? {})]) {
    note(field.column);
    for (const found of field.format?.matchAll(/\{([^{}]+)\}/g) ?? []) note(found[1]);
  }
  for (const lookup of Object.values(mapping.lookup ?? {})) note(lookup.by);
  return used;
}

/** Looked-up files that lie beside a mapping file. */
export function filesIn(folder: string): OpenFile {
  return (file) => createReadStream(path.resolve(folder, file));
}

/** Errors: `import_failed` naming the file and line where it cannot be read or gives two answers for one key. */
export async function readLookups(mapping: Mapping, open: OpenFile): Promise<Map<string, Lookup>> {
  const used = usedColumns(mapping);
  const lookups = new Map<string, Lookup>();
  for (const [name, lookup] of Object.entries(mapping.lookup ?? {}))
    lookups.set(name, await readLookup(open, lookup, used.get(name) ?? new Set()));
  return lookups;
}

async function readLookup(
  open: OpenFile,
  options: { file: string; key: string; encoding?: string; delimiter?: string },
  used: ReadonlySet<string>,
): Promise<Lookup> {
  const name = path.basename(options.file);
  const fail = (message: string, cause?: unknown) => new CodedError('import_failed', message, { cause });
  const rows = new TextTable();
  let header: string[] | undefined;
  let picks: number[] = [];
  let keyIndex = -1;
  try {
    for await (const batch of readCsv(open(options.file), options)) {
      for (const row of batch) {
        if (row.trouble !== undefined) throw fail(`${name} line ${row.line}: ${row.trouble}`);
        if (header === undefined) {
          header = row.cells.map((cell) => cell.trim());
          keyIndex = header.indexOf(options.key);
          if (keyIndex < 0) throw fail(`${name} has no column ${options.key}; it has ${header.join(', ')}`);
          picks = header.flatMap((column, index) => (used.has(column) ? [index] : []));
          continue;
        }
        const key = row.cells[keyIndex]!;
        const cells = picks.map((index) => row.cells[index]).join(unitSeparator);
        const known = rows.add(key, cells);
        if (known !== undefined && known !== cells)
          throw fail(
            `${name} line ${row.line}: ${options.key} "${key}" is there twice, with different values`,
          );
      }
    }
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw fail(`${options.file} cannot be read: ${(error as Error).message}`, error);
  }
  if (header === undefined) throw fail(`${name} is empty`);
  const columns = picks.map((index) => header![index]!);
  return { file: name, key: options.key, columns, find: (key) => rows.get(key)?.split(unitSeparator) };
}
