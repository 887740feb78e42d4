import { createHash } from 'node:crypto';
import { type FiguresQuery, orderColumns, type PositionValue } from '../warehouse/query-figures.ts';
import { isDate } from './read-parameters.ts';

/**
 * A cursor is the place of the last row in the order of the answer, not a count of rows: sales that arrive
 * between two pages neither repeat nor skip the others. It goes only with the question it was made for.
 */
export function encodeCursor(question: string, position: readonly PositionValue[]): string {
  return Buffer.from(JSON.stringify({ q: question, p: position }), 'utf8').toString('base64url');
}

/** What a question is known by: everything that decides which rows there are and how they are ordered. */
export function questionOf(query: FiguresQuery, ...further: readonly unknown[]): string {
  const { limit: _limit, after: _after, ...rest } = query;
  return createHash('sha256')
    .update(JSON.stringify([rest, ...further]))
    .digest('base64url')
    .slice(0, 12);
}

/** Undefined where it is no cursor, or one of another question. */
export function decodeCursor(
  cursor: string,
  question: string,
  query: FiguresQuery,
): PositionValue[] | undefined {
  let parsed: { q?: unknown; p?: unknown } | null;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as typeof parsed;
  } catch {
    return undefined;
  }
  if (parsed?.q !== question || !Array.isArray(parsed.p)) return undefined;
  const columns = orderColumns(query);
  const position = parsed.p as unknown[];
  const fits =
    position.length === columns.length &&
    position.every((value, index) => fitsColumn(columns[index]!.column, value, query));
  return fits ? (position as PositionValue[]) : undefined;
}

const texts = ['place_id', 'product_id', 'category', 'payment_method', 'source', 'group', 'currency'];

function fitsColumn(column: string, value: unknown, query: FiguresQuery): boolean {
  if (column === 'period') {
    if (typeof value !== 'string') return false;
    if (query.granularity !== 'hour') return isDate(value);
    return !Number.isNaN(Date.parse(value)) && new Date(value).toISOString() === value;
  }
  if (texts.includes(column)) return typeof value === 'string' && !value.includes('\0');
  if (column === 'average_receipt')
    return Array.isArray(value) && value.length === 2 && value.every(Number.isSafeInteger);
  return Number.isSafeInteger(value);
}

/** Below zero where `a` stands before `b`; both as `positionOf` gives them. */
export function comparePositions(
  a: readonly PositionValue[],
  b: readonly PositionValue[],
  query: FiguresQuery,
): number {
  for (const [index, { descending }] of orderColumns(query).entries()) {
    const [left, right] = [sortValue(a[index]!, descending), sortValue(b[index]!, descending)];
    if (left !== right) return left < right === descending ? 1 : -1;
  }
  return 0;
}

/** An average of nothing stands last in either direction. */
function sortValue(value: PositionValue, descending: boolean): string | number {
  if (typeof value === 'string' || typeof value === 'number') return value;
  const [sales, receipts] = value;
  if (receipts !== 0) return sales / receipts;
  return descending ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
