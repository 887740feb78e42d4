import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgressBar } from '../../src/commands/progress-bar.ts';

function show(isTTY: boolean) {
  let nowMs = 0;
  let text = '';
  const output = { isTTY, write: (part: string) => (text += part) };
  const bar = createProgressBar(output, () => nowMs);
  return {
    at: (seconds: number, documents: number, doneBytes: number, skipped = 0) => {
      nowMs = seconds * 1000;
      bar.update({ documents, skipped, doneBytes, totalBytes: 1000 });
    },
    end: bar.end,
    text: () => text,
  };
}

test('a bar on a terminal, left there at the end', () => {
  const shown = show(true);
  shown.at(10, 5_000, 250);
  assert.equal(
    shown.text(),
    `\r\u001b[K[${'#'.repeat(6)}${' '.repeat(18)}]  25 %  5000 documents  500 a second  30 s left`,
  );
  shown.at(10.01, 5_100, 260);
  assert.doesNotMatch(shown.text(), /5100/);
  shown.end();
  assert.match(shown.text(), /5100 documents .*\n$/);
});

test('plain lines every few seconds elsewhere', () => {
  const shown = show(false);
  for (let second = 1; second <= 7; second++) shown.at(second, second * 100, second * 100);
  shown.end();
  assert.deepEqual(
    shown
      .text()
      .trim()
      .split('\n')
      .map((line) => line.trim()),
    ['30 %  300 documents  100 a second  7 s left', '60 %  600 documents  100 a second  4 s left'],
  );
});

test('what an earlier run did counts in the percent and not in the rate', () => {
  const shown = show(false);
  shown.at(0, 0, 500, 5_000);
  shown.at(4, 400, 600, 5_000);
  assert.equal(shown.text().trim(), '60 %  5400 documents  100 a second  16 s left');
});
