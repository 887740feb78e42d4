/** Fields of a mapping (docs/import.md): exactly one of the first four, and how it is written in the file. */
export type MappingField = {
  column?: string;
  const?: unknown;
  format?: string;
  sum?: 'items';
  decimal?: ',' | '.';
  date?: string;
  integer?: true;
};
export type MappingFields = Record<string, MappingField>;
export type Mapping = {
  source: 'receipt' | 'transaction';
  encoding?: string;
  delimiter?: string;
  group_by?: string;
  lookup?: Record<string, { file: string; key: string; by?: string }>;
  receipt?: MappingFields;
  items?: MappingFields;
  transaction?: MappingFields;
};

/** Numbered, since a corrected file may have the name and the size of the one before. */
export type ChosenFile = { number: number; name: string; blob: Blob };
/** What the reader dropped: the file to load, those it is joined with, a mapping kept from before. */
export type Chosen = { main: ChosenFile; others: ChosenFile[]; mapping?: Mapping };

const isDocument = (name: string) => /\.(csv|tsv|txt|ndjson|jsonl|json|xml)$/i.test(name);

/**
 * Undoes gzip and sorts the files by what they are for: a JSON file that is a mapping is taken for one, what it
 * looks things up in is not loaded, and of several tables the largest is, since it most likely has the items.
 */
export async function chooseFiles(files: readonly File[]): Promise<Chosen | undefined> {
  const opened: ChosenFile[] = [];
  let mapping: Mapping | undefined;
  for (const file of files) {
    const one = await open(file);
    const found = await readMapping(one);
    if (found === undefined) opened.push(one);
    else mapping = found;
  }
  const looked = new Set(Object.values(mapping?.lookup ?? {}).map(({ file }) => file));
  const rank = ({ name }: ChosenFile) => (isDocument(name) ? 2 : 0) + (looked.has(name) ? 0 : 1);
  const ordered = opened.sort((a, b) => rank(b) - rank(a) || b.blob.size - a.blob.size);
  const [main, ...others] = ordered;
  return main === undefined ? undefined : { main, others, ...(mapping === undefined ? {} : { mapping }) };
}

let openedFiles = 0;

async function open(file: File): Promise<ChosenFile> {
  const number = ++openedFiles;
  if (!/\.gz$/i.test(file.name)) return { number, name: file.name, blob: file };
  const plain = file.stream().pipeThrough(new DecompressionStream('gzip'));
  return { number, name: file.name.replace(/\.gz$/i, ''), blob: await new Response(plain).blob() };
}

const largestMapping = 256 * 1024;

async function readMapping({ name, blob }: ChosenFile): Promise<Mapping | undefined> {
  if (!/\.json$/i.test(name) || blob.size > largestMapping) return undefined;
  try {
    const value = JSON.parse(await blob.text()) as Mapping | null;
    const isMapping = value?.source !== undefined && (value.receipt ?? value.transaction) !== undefined;
    return isMapping && value ? value : undefined;
  } catch {
    return undefined;
  }
}

export type Question = { chosen: Chosen; mapping: Mapping | undefined; place: string };

/** A part of the file as the program takes it. */
export function formOf({ chosen, mapping, place }: Question, part: Blob, isLast: boolean): FormData {
  const form = new FormData();
  form.append('last', String(isLast));
  if (mapping !== undefined) form.append('mapping', JSON.stringify(mapping));
  if (place !== '') form.append('place_id', place);
  const wanted = mapping?.lookup && Object.values(mapping.lookup).map((one) => one.file);
  for (const { name, blob } of chosen.others)
    if (mapping === undefined || wanted?.includes(name)) form.append('lookup', blob, name);
  form.append('file', part, chosen.main.name);
  return form;
}

/** The same files, another one of them to be loaded; a mapping is of the one before. */
export function withMain({ main, others }: Chosen, name: string): Chosen {
  const all = [main, ...others];
  return {
    main: all.find((one) => one.name === name) ?? main,
    others: all.filter((one) => one.name !== name),
  };
}

const firstHeadBytes = 128 * 1024;
const longestHeadBytes = 8 * 1024 * 1024;
/** How much of the file is looked at before it is loaded. */
export const headSizes = [firstHeadBytes, longestHeadBytes] as const;
