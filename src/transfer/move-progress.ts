import type { Client, Queryable } from '../base/db.ts';
import { moveSchema } from '../database/moved-file.ts';

/**
 * - `preparing`: the tables are being made
 * - `copying`: they are there, and parts of them are filled
 * - `copied`: everything is there
 */
export type MovePhase = 'preparing' | 'copying' | 'copied';

/** How far a move has come, kept in the target beside what it is about. Undefined where none was begun. */
export async function readMove(client: Queryable): Promise<{ moveId: string; phase: MovePhase } | undefined> {
  const made = await client.query(`select to_regclass('${moveSchema}.move') is not null as made`);
  if (!made.rows[0].made) return undefined;
  const { rows } = await client.query<{ moveId: string; phase: MovePhase }>(
    `select move_id as "moveId", phase from ${moveSchema}.move`,
  );
  return rows[0];
}

/** In one transaction with whatever else begins the move; what another left there goes. */
export async function beginMove(client: Client, moveId: string): Promise<void> {
  await client.query(`
    drop schema if exists ${moveSchema} cascade;
    create schema ${moveSchema};
    create table ${moveSchema}.move (move_id text not null, phase text not null);
    create table ${moveSchema}.part (name text primary key, blocks bigint not null, rows bigint not null)`);
  await client.query({
    text: `insert into ${moveSchema}.move (move_id, phase) values ($1, 'preparing')`,
    values: [moveId],
  });
}

export async function setPhase(client: Queryable, phase: MovePhase): Promise<void> {
  await client.query({ text: `update ${moveSchema}.move set phase = $1`, values: [phase] });
}

/** How many blocks of each part are over there. */
export async function readDoneBlocks(client: Queryable): Promise<Map<string, number>> {
  const { rows } = await client.query<{ name: string; blocks: number }>(
    `select name, blocks from ${moveSchema}.part`,
  );
  return new Map(rows.map(({ name, blocks }) => [name, blocks]));
}

/** In the transaction that the rows come with. */
export async function noteBlocks(
  client: Client,
  part: { name: string; blocks: number; rows: number },
): Promise<void> {
  await client.query({
    text: `insert into ${moveSchema}.part as p (name, blocks, rows) values ($1, $2, $3)
      on conflict (name) do update set blocks = excluded.blocks, rows = p.rows + excluded.rows`,
    values: [part.name, part.blocks, part.rows],
  });
}

/** The database is whole, and programs may use it. What another move is about is left alone. */
export async function endMove(client: Queryable, moveId: string): Promise<void> {
  if ((await readMove(client))?.moveId === moveId) await client.query(`drop schema ${moveSchema} cascade`);
}
