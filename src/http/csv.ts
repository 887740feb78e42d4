export type CsvOptions = { separator: ',' | ';'; byteOrderMark: boolean };
export type Cell = string | number | null | undefined;

/** A spreadsheet would run text that begins like this as a formula. */
const formula = /^[=+\-@\t\r]/;

function cell(value: Cell, separator: string): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const harmless = formula.test(value) ? `'${value}` : value;
  return /["\r\n]/.test(harmless) || harmless.includes(separator)
    ? `"${harmless.replaceAll('"', '""')}"`
    : harmless;
}

/** One line of RFC 4180, with its end. */
function csvLine(cells: readonly Cell[], separator: string): string {
  return `${cells.map((value) => cell(value, separator)).join(separator)}\r\n`;
}

/** RFC 4180, a chunk of a few hundred lines at a time; without columns there is no header. */
export function* csvChunks(
  columns: readonly string[],
  rows: Iterable<readonly Cell[]>,
  options: CsvOptions,
): Generator<string> {
  const { separator } = options;
  const line = (cells: readonly Cell[]) => csvLine(cells, separator);
  let chunk = (options.byteOrderMark ? '\ufeff' : '') + (columns.length === 0 ? '' : line(columns));
  for (const row of rows) {
    chunk += line(row);
    if (chunk.length > 64_000) {
      yield chunk;
      chunk = '';
    }
  }
  yield chunk;
}
