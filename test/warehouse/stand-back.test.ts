import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { standingBack } from '../../src/warehouse/stand-back.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

test('of two processes one follows while it moves, and the other takes over when it no longer does', async () => {
  const { pool } = database;
  const setBack = () =>
    pool.query("update cdm.cursor set moved_at = now() - interval '1 minute' where follower = 'fold'");
  const move = async () => {
    await pool.query(
      "update cdm.cursor set position = position + 1, moved_at = now() where follower = 'fold'",
    );
    return 1;
  };
  const one = standingBack(pool, 'fold', move);
  const other = standingBack(pool, 'fold', move);
  // Of a cursor that nobody was seen to move, both may take it: also of a new one, which is as if just moved.
  await move();
  assert.deepEqual([await one(), await other()], [1, 1]);
  assert.deepEqual([await one(), await other(), await one(), await other()], [0, 1, 0, 1]);
  await setBack();
  assert.deepEqual([await one(), await other(), await one()], [1, 0, 1]);
});
