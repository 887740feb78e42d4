import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { runCommand } from '../commands/run-command.ts';

const root = mkdtempSync(path.join(tmpdir(), 'tillstream-log-'));
after(() => rmSync(root, { recursive: true, force: true }));
const writer = path.join(import.meta.dirname, 'write-log.ts');

/** Logs numbered lines in a process of its own, to `folder` and standard error. */
function writeLines(
  folder: string,
  lines: number,
): Promise<{ code: number; numbers: number[]; said: string }> {
  return new Promise((resolve) => {
    const args = [writer, folder, String(lines)];
    execFile(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 }, (error, _output, said) => {
      const numbers = said.split('\n').flatMap((line) => (line.includes('"n":') ? [JSON.parse(line).n] : []));
      resolve({ code: Number(error?.code ?? 0), numbers, said });
    });
  });
}
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test('the files rotate by size, the oldest go, the lines are those of standard error, secrets are redacted', async () => {
  const folder = path.join(root, 'made', 'here');
  for (const from of [0, 1]) {
    const { code, numbers, said } = await writeLines(folder, 400);
    assert.equal(code, 0, said);
    assert.deepEqual(numbers, upTo(400), `run ${from}`);
  }
  const files = readdirSync(folder).toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  assert.ok(files.length >= 2 && files.length <= 3, files.join());
  for (const file of files) {
    assert.match(file, /^tillstream\.\d+\.log$/);
    const { size, mode } = statSync(path.join(folder, file));
    assert.ok(size < 12 * 1024, `${file} has ${size} bytes`);
    assert.equal(mode & 0o777, 0o600);
  }
  const text = files.map((file) => readFileSync(path.join(folder, file), 'utf8')).join('');
  const last = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).n as number);
  assert.deepEqual(last.slice(-50), upTo(400).slice(-50));
  assert.match(text, /"token":"\[redacted\]"/);
  assert.doesNotMatch(text, /hunter2/);
});

test('a disk that fills up, and a folder that goes away, are told once and stop nothing', {
  skip: process.platform === 'linux' ? false : 'there is no /dev/full',
}, async () => {
  const full = path.join(root, 'full');
  mkdirSync(full);
  symlinkSync('/dev/full', path.join(full, 'tillstream.1.log'));
  const filled = await writeLines(full, 300);
  assert.equal(filled.code, 0, filled.said);
  assert.deepEqual(filled.numbers, upTo(300));
  assert.equal(filled.said.match(/log files in LOG_DIR cannot be written/g)?.length, 1);

  const gone = await writeLines(path.join(root, 'goes-away'), 300);
  assert.equal(gone.code, 0, gone.said);
  assert.deepEqual(gone.numbers, upTo(300));
  assert.match(gone.said, /log files in LOG_DIR cannot be written.*ENOENT|ENOENT.*cannot be written/);
});

test('a LOG_DIR that cannot be used stops the start with its name and what to do', async () => {
  const taken = path.join(root, 'taken');
  mkdirSync(path.join(taken, 'tillstream.1.log'), { recursive: true });
  for (const folder of ['/dev/null/logs', taken]) {
    const { code, output } = await runCommand(['start'], { LOG_DIR: folder, DATA_DIR: '/dev/null/data' });
    assert.equal(code, 1);
    assert.match(output, new RegExp(`^tillstream: LOG_DIR ${folder} cannot be .*change its owner or mode`));
    assert.equal(output.trim().split('\n').length, 1, output);
  }
});
