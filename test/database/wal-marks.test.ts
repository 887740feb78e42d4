import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWalMarks, endOfRecord } from '../../src/database/wal-marks.ts';

test('the newest moment that the replica has reached', () => {
  const marks = createWalMarks();
  assert.equal(marks.reached(1_000_000), undefined);
  marks.note(100, 1);
  marks.note(200, 2);
  marks.note(200, 3);
  marks.note(300, 4);
  assert.equal(marks.reached(99), undefined);
  assert.equal(marks.reached(150), 1);
  assert.equal(marks.reached(200), 3);
  assert.equal(marks.reached(299), 3);
  assert.equal(marks.reached(5_000), 4);
});

test('the header of a page is no record that is still to come', () => {
  assert.equal(endOfRecord(8_192 * 5 + 24), 8_192 * 5);
  assert.equal(endOfRecord(8_192 * 5 + 25), 8_192 * 5 + 25);
  const segment = 16 * 1024 * 1024;
  assert.equal(endOfRecord(segment * 3 + 40), segment * 3);
  assert.equal(endOfRecord(8_192 + 40), 8_192 + 40);
  const marks = createWalMarks();
  marks.note(8_192 + 24, 1);
  assert.equal(marks.reached(8_192), 1);
});

test('marks of a replica that stands still for hours stay few', () => {
  const marks = createWalMarks();
  for (let at = 1; at <= 100_000; at++) marks.note(at * 10, at);
  const reached = marks.reached(500_000)!;
  assert.ok(reached <= 50_000 && reached > 40_000, String(reached));
});
