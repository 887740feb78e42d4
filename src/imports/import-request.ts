import path from 'node:path';
import type { Principal } from '../auth/roles.ts';
import { CodedError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import type { Arrival, Incoming, Refused, Resolved, Source } from '../sales/sale.ts';
import { sourceOfShape } from '../sales/source-of-shape.ts';
import { guessKind } from './guess-file.ts';
import type { Imported } from './imported.ts';
import type { OpenFile } from './lookups.ts';
import type { Mapping } from './mapping.ts';
import { type ImportForm, notImportable } from './read-form.ts';
import type { PartFormat } from './read-part.ts';

export type ImportDefaults = { defaultPlace: string; defaultCurrency: string; defaultTimeZone: string };

/** What documents of one request have in common. */
export type ImportSender = {
  source: Source | undefined;
  resolved: Resolved;
  tokenId?: string;
  boundPlaceId?: string;
};

const sources: readonly Source[] = ['receipt', 'transaction', 'order'];
const formats: readonly PartFormat[] = ['csv', 'ndjson', 'array'];
const problemOfDocument = 'not_mapped';

/** Error `foreign_place` where the token is bound to another place than the one that is asked for. */
export function senderOf(
  form: ImportForm,
  principal: Principal,
  defaults: ImportDefaults,
  mapping: Mapping | undefined,
): ImportSender {
  const place = form.text('place_id');
  if (place !== undefined && place !== '' && !isId(place))
    throw notImportable('place_id cannot be the id of a place');
  const bound = principal.placeId;
  if (bound !== undefined && place !== undefined && place !== '' && place !== bound)
    throw new CodedError('foreign_place', `the token is bound to the place ${bound}`);
  const source = form.text('source');
  if (source !== undefined && source !== '' && !sources.includes(source as Source))
    throw notImportable(`source is one of ${sources.join(', ')}`);
  return {
    source: mapping?.source ?? (source === '' ? undefined : (source as Source | undefined)),
    resolved: {
      placeId: bound ?? (place === undefined || place === '' ? defaults.defaultPlace : place),
      currency: defaults.defaultCurrency,
      timeZone: defaults.defaultTimeZone,
    },
    tokenId: principal.tokenId,
    ...(bound === undefined ? {} : { boundPlaceId: bound }),
  };
}

/** As the form says, or as the beginning of the file shows. */
export function formatOf(form: ImportForm): PartFormat {
  const format = form.text('format');
  if (format === undefined) {
    const kind = guessKind(form.file.bytes);
    if (kind === 'daily') throw notImportable('an XML file is sent whole to /api/daily-sales/');
    return kind === 'reference' ? 'ndjson' : kind;
  }
  if (formats.includes(format as PartFormat)) return format as PartFormat;
  throw notImportable(`format is one of ${formats.join(', ')}`);
}

/** The files of the form, by the names that the mapping has for them. */
export function filesOf(form: ImportForm): OpenFile {
  return (file) => {
    const bytes = form.lookups.get(path.basename(file));
    if (bytes !== undefined) return one(bytes);
    throw new CodedError(
      'import_failed',
      `the mapping looks things up in ${file}; send that file too, as "lookup"`,
    );
  };
}

export async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** What `tillstream import` calls an import that failed is a request that cannot be done here. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof CodedError) || error.code !== 'import_failed') return error;
  return notImportable(error.message, error);
}

type Reading = { parse: (arrival: Arrival) => Incoming; nowMs: number; format: PartFormat };

/** Each document as it goes to the journal, also where the mapping could not make one. */
export function incomingOf(
  documents: readonly Imported[],
  sender: ImportSender,
  { parse, nowMs, format }: Reading,
): Incoming[] {
  const first = documents.find(({ body }) => body !== undefined)?.body;
  const usual = first === undefined ? undefined : sourceOfShape(first);
  const { source, ...common } = sender;
  const arrivalOf = (body: Buffer, contentType: string): Arrival => ({
    ...{ ...common, body, contentType, receivedAtMs: nowMs },
    source: source ?? sourceOfShape(body) ?? usual ?? 'receipt',
  });
  return documents.map((document) => {
    const { body, draft } = document;
    if (body !== undefined) return parse(arrivalOf(body, 'application/json'));
    const contentType = draft === undefined && format === 'csv' ? 'text/csv' : 'application/json';
    const kept = draft ?? Buffer.concat(document.original.flatMap((row) => [row, newlineBytes]));
    return refuse(arrivalOf(kept, contentType), document);
  });
}

const newlineBytes = Buffer.from('\n');

function refuse(arrival: Arrival, document: Imported): Refused {
  const fields = document.fields ?? [];
  const ofFields = new Set(fields.map(({ message }) => message));
  const trouble = document.trouble ?? '';
  const problems = fields.map(({ pointer, message }) => ({ pointer, code: problemOfDocument, message }));
  if (trouble !== [...ofFields].join('; '))
    problems.unshift({ pointer: '', code: problemOfDocument, message: `line ${document.line}: ${trouble}` });
  const draft =
    document.draft === undefined ? {} : (JSON.parse(document.draft.toString()) as Record<string, unknown>);
  const textOf = (name: string) => {
    const value = draft[name];
    return typeof value === 'string' && isId(value) ? value : undefined;
  };
  const [sourceId, placeId] = [textOf('transaction_id'), textOf('place_id')];
  return {
    ...arrival,
    ...{ verdict: 'rejected', settled: true, problems },
    ...(sourceId === undefined ? {} : { sourceId }),
    ...(placeId === undefined ? {} : { placeId }),
  };
}
