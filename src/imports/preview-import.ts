import { CodedError, type Problem } from '../base/errors.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';
import { type GuessedKind, guessKind, guessWriting } from './guess-file.ts';
import { type Column, guessMapping, type OtherFile } from './guess-mapping.ts';
import { readReferenceLine } from './import-reference.ts';
import { type ImportSender, incomingOf, one } from './import-request.ts';
import type { Imported } from './imported.ts';
import type { ReadLookups } from './kept-lookups.ts';
import { type Mapping, mappingTroubles } from './mapping.ts';
import { readCsv } from './read-csv.ts';
import type { ImportForm } from './read-form.ts';
import { splitLines } from './read-lines.ts';
import { readPart } from './read-part.ts';

const shownDocuments = 20;
const keptSamples = 5;

export type PreviewDocument = { line: number; document: unknown; problems: Problem[]; remarks: Problem[] };

export type Preview = {
  kind: GuessedKind;
  /** Whether the mapping was guessed here. */
  guessed: boolean;
  mapping: Mapping | null;
  /** What is wrong with the mapping; then there are no documents. */
  mapping_errors: string[];
  columns: Column[];
  /** How many bytes of the file every part begins with. */
  head_bytes: number;
  documents: PreviewDocument[];
};

type PreviewDeps = {
  parse: (arrival: Arrival) => Incoming;
  nowMs: number;
  defaultCurrency: string;
  readLookups: ReadLookups;
  senderFor: (mapping: Mapping | undefined) => ImportSender;
};

/** The first documents of a file as they would be loaded, each with its problems; nothing is stored. */
export async function previewImport(deps: PreviewDeps, form: ImportForm): Promise<Preview> {
  const kind = guessKind(form.file.bytes);
  const empty: Preview = {
    ...{ kind, guessed: false, mapping: null, mapping_errors: [], columns: [], head_bytes: 0, documents: [] },
  };
  if (kind === 'daily') return empty;
  if (kind === 'reference') return { ...empty, documents: await previewReference(form.file.bytes) };
  if (kind !== 'csv') return { ...empty, ...(await documentsOf(deps, form, kind, undefined)) };
  const given = form.json('mapping');
  const { columns, mapping } = await lookAtColumns(form, given);
  const troubles = mappingTroubles(mapping);
  const known = { ...empty, guessed: given === undefined, mapping: mapping as Mapping, columns };
  if (troubles.length > 0) return { ...known, mapping_errors: troubles };
  try {
    return { ...known, ...(await documentsOf(deps, form, kind, mapping as Mapping)) };
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'import_failed') throw error;
    return { ...known, mapping_errors: [error.message] };
  }
}

/** The columns of the file and, under their look-ups' names, of the others; and a mapping where none was given. */
async function lookAtColumns(
  form: ImportForm,
  given: unknown,
): Promise<{ columns: Column[]; mapping: unknown }> {
  const isCut = form.text('last') !== 'true';
  const { bytes } = form.file;
  const said = (given ?? {}) as { encoding?: unknown; delimiter?: unknown; lookup?: unknown };
  const guessed = guessWriting(bytes, isCut);
  const written = {
    encoding:
      readable.find((encoding) => encoding === said.encoding) ??
      (given === undefined ? guessed.encoding : 'utf-8'),
    delimiter:
      typeof said.delimiter === 'string' ? said.delimiter : given === undefined ? guessed.delimiter : ',',
  };
  const columns = await columnsOf(bytes, written);
  const others: OtherFile[] = [];
  for (const [file, content] of form.lookups) {
    const how = guessWriting(content, false);
    others.push({ file, ...how, columns: await columnsOf(content, how) });
  }
  const mapping = given ?? guessMapping(columns, others, written);
  const lookup = Object.entries(((mapping as Mapping).lookup ?? {}) as NonNullable<Mapping['lookup']>);
  const further = lookup.flatMap(([name, one]) => {
    const other = others.find(({ file }) => file === one?.file);
    return (other?.columns ?? []).map((column) => ({ ...column, name: `${name}.${column.name}` }));
  });
  return { columns: [...columns, ...further], mapping };
}

const readable = ['utf-8', 'latin1', 'windows-1251'] as const;

async function columnsOf(bytes: Buffer, written: { encoding: string; delimiter: string }): Promise<Column[]> {
  let columns: Column[] | undefined;
  for await (const rows of readCsv(one(bytes), { ...written, goesOn: true }))
    for (const row of rows) {
      if (columns === undefined) {
        if (row.trouble !== undefined) throw new CodedError('import_failed', `the header: ${row.trouble}`);
        columns = row.cells.map((cell) => ({ name: cell.trim(), samples: [] }));
      } else if (row.trouble === undefined)
        for (const [index, column] of columns.entries()) column.samples.push(row.cells[index]!);
      if (columns[0] !== undefined && columns[0].samples.length >= keptSamples) return columns;
    }
  return columns ?? [];
}

async function documentsOf(
  deps: PreviewDeps,
  form: ImportForm,
  format: 'csv' | 'ndjson' | 'array',
  mapping: Mapping | undefined,
): Promise<Pick<Preview, 'documents' | 'head_bytes'>> {
  const part = await readPart({
    ...{ bytes: form.file.bytes, format, isLast: form.text('last') === 'true' },
    ...(mapping === undefined ? {} : { mapping }),
    lookups: await deps.readLookups(mapping, form),
    defaultCurrency: deps.defaultCurrency,
    maximumDocuments: shownDocuments,
  });
  const documents = part.documents.slice(0, shownDocuments);
  const sender = deps.senderFor(mapping);
  const incoming = incomingOf(documents, sender, { ...deps, format });
  return {
    head_bytes: part.headBytes,
    documents: documents.map((document, index) => previewOf(document, incoming[index]!)),
  };
}

function previewOf(document: Imported, incoming: Incoming): PreviewDocument {
  const remarks = incoming.sale?.flags.map(({ code, message }) => ({ pointer: '', code, message })) ?? [];
  const problems = incoming.sale === undefined ? incoming.problems : [];
  return { line: document.line, document: shownDocument(incoming.body), problems, remarks };
}

/** As JSON, or as the text that could not be read. */
function shownDocument(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return body.toString('utf8').trimEnd();
  }
}

async function previewReference(bytes: Buffer): Promise<PreviewDocument[]> {
  const shown: PreviewDocument[] = [];
  for await (const lines of splitLines(one(bytes)))
    for (const line of lines) {
      if (shown.length === shownDocuments) return shown;
      if (line.bytes.every((byte) => byte <= 0x20)) continue;
      const read = readReferenceLine(line.bytes);
      const problems = typeof read === 'string' ? [{ pointer: '', code: 'wrong', message: read }] : [];
      shown.push({ line: line.line, document: shownDocument(line.bytes), problems, remarks: [] });
    }
  return shown;
}
