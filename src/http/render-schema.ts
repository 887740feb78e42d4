import type { Schema } from './openapi.ts';
import { escapeHtml } from './page-layout.ts';

const deepest = 5;

/** In words: `string`, `array of object`, `string or null`, `"ok"`. */
export function typeText(schema: Schema | undefined): string {
  if (schema === undefined) return '';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(' or ');
  if (schema.type === 'array') return `array of ${typeText(schema.items) || 'anything'}`;
  const type = [schema.type ?? []].flat().join(' or ');
  return typeof schema.format === 'string' ? `${type} (${schema.format})` : type;
}

type Member = { path: string; type: string; required: boolean; description: string };

/** Every member below `schema` by its path: `items[].price`. Variants of a union are listed together. */
function membersOf(schema: Schema, prefix: string, depth: number, found: Map<string, Member>): void {
  if (depth > deepest) return;
  for (const variant of schema.anyOf ?? []) membersOf(variant, prefix, depth, found);
  if (schema.items !== undefined) membersOf(schema.items, `${prefix}[]`, depth, found);
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (!found.has(path)) {
      found.set(path, {
        path,
        type: typeText(member),
        required: schema.required?.includes(name) === true,
        description: member.description ?? '',
      });
    }
    membersOf(member, path, depth + 1, found);
  }
}

/** The members of a body as a table; nothing where it has none. */
export function renderSchema(schema: Schema | undefined): string {
  const found = new Map<string, Member>();
  if (schema !== undefined) membersOf(schema, '', 0, found);
  const rows = [...found.values()].map(({ path, type, required, description }) => [
    `<code>${escapeHtml(path)}</code>`,
    escapeHtml(type),
    required ? 'required' : '',
    escapeHtml(description),
  ]);
  return rows.length === 0 ? '' : renderTable(['Member', 'Type', '', ''], rows);
}

/** Cells are HTML already. */
export function renderTable(titles: string[], rows: string[][]): string {
  const head = titles.map((title) => `<th>${title}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('');
  return `<div class="table"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
