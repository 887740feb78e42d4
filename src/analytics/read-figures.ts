import { createHash } from 'node:crypto';
import type { Queryable } from '../base/db.ts';
import { type FiguresQuery, type FiguresRow, figuresStatement } from '../warehouse/query-figures.ts';

/** Names for statements, so that a connection parses and plans each once. */
export type ReadFigures = { nameOf(text: string): string | undefined };

/** The server keeps every named statement of a connection, so only so many shapes of questions get a name. */
const maximumNames = 100;

export function createStatementNames(): ReadFigures {
  const names = new Map<string, string>();
  return {
    nameOf(text) {
      const known = names.get(text);
      if (known !== undefined || names.size >= maximumNames) return known;
      const name = `figures-${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
      names.set(text, name);
      return name;
    },
  };
}

/** The rows of one statement and one snapshot, in the order of the query. */
export async function readFigures(
  client: Queryable,
  statements: ReadFigures,
  query: FiguresQuery,
): Promise<FiguresRow[]> {
  const { text, values } = figuresStatement(query);
  const name = statements.nameOf(text);
  const { rows } = await client.query<FiguresRow>({ ...(name === undefined ? {} : { name }), text, values });
  return rows.map((row) => ({ ...row, period: row.period ?? null, hour_at: row.hour_at ?? null }));
}
