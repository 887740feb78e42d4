import { escapeHtml } from '../http/page-layout.ts';

/**
 * The part of Markdown that reports are written in, as HTML: headings, paragraphs, lists, tables, rules, bold,
 * italic and code. The text may be a model's, so everything else, links, images and HTML included, comes out as
 * the characters it is written with.
 */
export function renderMarkdown(markdown: string): string {
  const lines = markdown.replaceAll('\r\n', '\n').split('\n');
  const blocks: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const { html, next } = renderBlock(lines, at);
    if (html !== '') blocks.push(html);
    at = next;
  }
  return blocks.join('\n');
}

type Block = { html: string; next: number };

const heading = /^(#{1,6})\s+(.+?)\s*#*$/;
const rule = /^\s*([-*_])(\s*\1){2,}\s*$/;
const item = /^\s*(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const tableRow = /^\s*\|.*\|\s*$/;
const tableDivider = /^\s*\|(\s*:?-+:?\s*\|)+\s*$/;

function renderBlock(lines: readonly string[], at: number): Block {
  const line = lines[at]!;
  if (line.trim() === '') return { html: '', next: at + 1 };
  const title = heading.exec(line);
  if (title !== null) {
    const level = title[1]!.length;
    return { html: `<h${level}>${renderInline(title[2]!)}</h${level}>`, next: at + 1 };
  }
  if (rule.test(line)) return { html: '<hr>', next: at + 1 };
  if (tableRow.test(line) && tableDivider.test(lines[at + 1] ?? '')) return renderTable(lines, at);
  if (item.test(line)) return renderList(lines, at);
  return renderParagraph(lines, at);
}

function isPlain(line: string | undefined): line is string {
  if (line === undefined || line.trim() === '') return false;
  return ![heading, rule, item, tableRow].some((pattern) => pattern.test(line));
}

function renderParagraph(lines: readonly string[], at: number): Block {
  let next = at + 1;
  while (isPlain(lines[next])) next++;
  const text = lines.slice(at, next).map((line) => line.trim());
  return { html: `<p>${text.map(renderInline).join('<br>')}</p>`, next };
}

/** Nested lists come out flat; a line that follows an item without a mark of its own belongs to it. */
function renderList(lines: readonly string[], at: number): Block {
  const isOrdered = item.exec(lines[at]!)![2] !== undefined;
  const items: string[] = [];
  let next = at;
  for (; next < lines.length; next++) {
    const line = lines[next]!;
    const found = rule.test(line) ? null : item.exec(line);
    if (found !== null && (found[2] !== undefined) === isOrdered) items.push(found[3]!);
    else if (found === null && isPlain(line)) items.push(`${items.pop()!} ${line.trim()}`);
    else break;
  }
  const tag = isOrdered ? 'ol' : 'ul';
  const inside = items.map((text) => `<li>${renderInline(text)}</li>`).join('');
  return { html: `<${tag}>${inside}</${tag}>`, next };
}

function renderTable(lines: readonly string[], at: number): Block {
  const header = cellsOf(lines[at]!);
  const right = cellsOf(lines[at + 1]!).map((cell) => cell.endsWith(':'));
  let next = at + 2;
  const rows: string[][] = [];
  for (; next < lines.length && tableRow.test(lines[next]!); next++) rows.push(cellsOf(lines[next]!));
  const cell = (tag: string) => (text: string, index: number) =>
    `<${tag}${right[index] === true ? ' class="right"' : ''}>${renderInline(text)}</${tag}>`;
  const head = `<thead><tr>${header.map(cell('th')).join('')}</tr></thead>`;
  const body = rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('');
  return { html: `<table>${head}<tbody>${body}</tbody></table>`, next };
}

function cellsOf(line: string): string[] {
  const inside = line.trim().slice(1, -1);
  return inside.split(/(?<!\\)\|/).map((text) => text.trim());
}

const inlinePart = /\\([!-/:-@[-`{-~])|`([^`]+)`|\*\*(?=\S)(.+?)(?<=\S)\*\*|\*(?=\S)([^*]+?)(?<=\S)\*/;

function renderInline(text: string): string {
  let html = '';
  for (let rest = text; ; ) {
    const part = inlinePart.exec(rest);
    if (part === null) return html + escapeHtml(rest);
    const [whole, escaped, code, strong, italic] = part;
    html += escapeHtml(rest.slice(0, part.index));
    if (escaped !== undefined) html += escapeHtml(escaped);
    else if (code !== undefined) html += `<code>${escapeHtml(code)}</code>`;
    else if (strong !== undefined) html += `<strong>${renderInline(strong)}</strong>`;
    else html += `<em>${renderInline(italic!)}</em>`;
    rest = rest.slice(part.index + whole.length);
  }
}
