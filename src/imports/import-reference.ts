import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { badText } from '../http/bad-text.ts';
import { catalogueDescriptions } from '../reference/catalogue-schemas.ts';
import { type CatalogueDeps, type CatalogueEntry, changeCatalogue } from '../reference/change-catalogue.ts';
import { scopeProblem } from '../reference/scope-entries.ts';
import { idField } from '../sales/document-fields.ts';
import { splitLines } from './read-lines.ts';

export type ReferenceSummary = {
  user: number;
  restaurant: number;
  /** Of these; the others said what was known already. */
  changed: number;
  rejected: { line: number; reason: string }[];
};

const entriesPerChange = 5_000;
type Kind = 'user' | 'restaurant';

const validators = Object.fromEntries(
  catalogueDescriptions.map(({ kind, fields }) => [
    kind,
    Compile(Type.Object({ _id: idField('its id'), ...fields })),
  ]),
);

/** A line as an entry, or what is wrong with it. */
export function readReferenceLine(bytes: Buffer): { kind: Kind; entry: CatalogueEntry } | string {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return `not JSON: ${(error as Error).message}`;
  }
  const kind = value !== null && typeof value === 'object' && 'menu' in value ? 'restaurant' : 'user';
  const validator = validators[kind]!;
  if (!validator.Check(value)) {
    const [first] = validator.Errors(value);
    return `${first?.instancePath ?? ''} ${first?.message ?? 'is wrong'}`.trim();
  }
  const [bad] = badText('body', value);
  if (bad !== undefined) return `${bad.pointer.replace(/^\/body/, '')} ${bad.message}`.trim();
  const { _id, since, ...fields } = value;
  const from = typeof since === 'string' ? { since } : {};
  return { kind, entry: { id: _id as string, fields, ...from } };
}

type ReadLine = ReturnType<typeof readReferenceLine>;

function checked({ productIdScope }: CatalogueDeps, read: ReadLine): ReadLine {
  if (productIdScope === 'chain' || typeof read === 'string') return read;
  return scopeProblem(read.kind, read.entry) ?? read;
}

/**
 * Users and restaurants from NDJSON: a line with a `menu` is a restaurant. Of two lines of one id the later
 * holds. A second run changes nothing.
 */
export async function importReference(
  deps: CatalogueDeps,
  input: AsyncIterable<Buffer>,
): Promise<ReferenceSummary> {
  const summary: ReferenceSummary = { user: 0, restaurant: 0, changed: 0, rejected: [] };
  const waiting = { user: new Map<string, CatalogueEntry>(), restaurant: new Map<string, CatalogueEntry>() };
  const flush = async (kind: Kind) => {
    if (waiting[kind].size === 0) return;
    const entries = [...waiting[kind].values()];
    const done = await changeCatalogue(deps, kind, entries, { pointerOf: (index) => entries[index]!.id });
    summary.changed += done.changed;
    waiting[kind].clear();
  };
  for await (const lines of splitLines(input)) {
    for (const { line, bytes } of lines) {
      if (bytes.every((byte) => byte <= 0x20)) continue;
      const read = checked(deps, readReferenceLine(bytes));
      if (typeof read === 'string') {
        summary.rejected.push({ line, reason: read });
        continue;
      }
      summary[read.kind]++;
      waiting[read.kind].set(read.entry.id, read.entry);
      if (waiting[read.kind].size >= entriesPerChange) await flush(read.kind);
    }
  }
  await flush('user');
  await flush('restaurant');
  return summary;
}
