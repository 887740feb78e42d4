import type { Problem } from '../base/errors.ts';
import type { Arrival, Incoming, Verdict } from '../sales/sale.ts';
import type { Stream } from '../stream/stream.ts';
import { formatOf, type ImportSender, incomingOf } from './import-request.ts';
import type { ReadLookups } from './kept-lookups.ts';
import { type Mapping, mappingTroubles } from './mapping.ts';
import { type ImportForm, notImportable } from './read-form.ts';
import { readPart } from './read-part.ts';

type LoadDeps = {
  stream: Pick<Stream, 'append'>;
  parse: (arrival: Arrival) => Incoming;
  nowMs: number;
  deadlineMs: number;
  defaultCurrency: string;
  readLookups: ReadLookups;
  senderFor: (mapping: Mapping | undefined) => ImportSender;
};

export type LoadedPart = {
  head_bytes: number;
  /** Of the part, its head included: the next one goes on after them. */
  done_bytes: number;
  /** The line of the file on which the next part goes on. */
  next_line: number;
  documents: number;
  verdicts: Partial<Record<Verdict, number>>;
  /** What was rejected, or in conflict with what is known. */
  troubles: {
    line: number;
    rows: number;
    transaction_id: string | null;
    verdict: Verdict;
    position: string;
    errors: Problem[];
  }[];
};

const shownProblems = 20;

/**
 * Loads the whole documents of one part in one batch; each is known by its id, so a part that is sent again
 * doubles nothing. What cannot be made into a document goes to the journal as rejected.
 */
export async function loadPart(deps: LoadDeps, form: ImportForm): Promise<LoadedPart> {
  const format = formatOf(form);
  const mapping = mappingOf(form, format === 'csv');
  const sender = deps.senderFor(mapping);
  const part = await readPart({
    ...{ bytes: form.file.bytes, format, isLast: form.text('last') === 'true' },
    ...(mapping === undefined ? {} : { mapping }),
    lookups: await deps.readLookups(mapping, form),
    defaultCurrency: deps.defaultCurrency,
    ...lineOf(form),
  });
  const incoming = incomingOf(part.documents, sender, { ...deps, format });
  const outcomes = incoming.length === 0 ? [] : await deps.stream.append(incoming, deps.deadlineMs);
  const loaded: LoadedPart = {
    head_bytes: part.headBytes,
    done_bytes: part.doneBytes,
    next_line: part.nextLine,
    documents: incoming.length,
    verdicts: {},
    troubles: [],
  };
  for (const [index, document] of part.documents.entries()) {
    const outcome = outcomes[index];
    const verdict = outcome?.verdict ?? 'accepted';
    loaded.verdicts[verdict] = (loaded.verdicts[verdict] ?? 0) + 1;
    if (verdict !== 'rejected' && verdict !== 'conflict') continue;
    loaded.troubles.push({
      line: document.line,
      rows: document.original.length,
      transaction_id: idOf(incoming[index]!),
      verdict,
      position: outcome!.position,
      errors: outcome!.problems.slice(0, shownProblems),
    });
  }
  return loaded;
}

function lineOf(form: ImportForm): { line?: number } {
  const text = form.text('line');
  if (text === undefined) return {};
  const line = Number(text);
  if (!Number.isSafeInteger(line) || line < 1) throw notImportable('line is the number of a line, from 1');
  return { line };
}

function idOf(incoming: Incoming): string | null {
  return (incoming.sale === undefined ? incoming.sourceId : incoming.sale.sourceId) ?? null;
}

function mappingOf(form: ImportForm, isCsv: boolean): Mapping | undefined {
  const mapping = form.json('mapping');
  if (!isCsv) return undefined;
  if (mapping === undefined)
    throw notImportable('a CSV file needs a mapping; /api/imports/preview suggests one');
  const troubles = mappingTroubles(mapping);
  if (troubles.length > 0) throw notImportable(`the mapping is not right: ${troubles.join('; ')}`);
  return mapping as Mapping;
}
