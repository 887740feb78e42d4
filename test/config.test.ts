import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isId } from '../src/base/ids.ts';
import { readConfig } from '../src/config.ts';
import { receiptExample, receiptValidator } from '../src/sales/receipt.ts';
import { runCommand } from './commands/run-command.ts';

/** At and past each limit: characters, bytes, and both at once in letters that take two units of UTF-16. */
const ids = [
  'unknown',
  'a'.repeat(256),
  'a'.repeat(257),
  'я'.repeat(256),
  'я'.repeat(257),
  '店'.repeat(170),
  '店'.repeat(171),
  '😀'.repeat(128),
  '😀'.repeat(129),
  'a'.repeat(100) + '😀'.repeat(80),
  'a'.repeat(177) + '😀'.repeat(80),
  'e\u0301'.repeat(128),
  'e\u0301'.repeat(129),
];

test('DEFAULT_PLACE follows the rule of a place id in a receipt', () => {
  const outcomes = ids.map((id) => {
    const taken = receiptValidator.Check({ ...receiptExample, place_id: id });
    assert.equal(isId(id), taken, `${id.slice(-3)} × ${id.length}`);
    if (taken) assert.equal(readConfig({ DEFAULT_PLACE: id }).defaultPlace, id);
    else assert.throws(() => readConfig({ DEFAULT_PLACE: id }), { code: 'invalid_configuration' });
    return taken;
  });
  assert.ok(outcomes.includes(true) && outcomes.includes(false));
  assert.equal(isId(''), false);
  assert.equal(readConfig({}).defaultPlace, 'unknown');
});

test('a start with a DEFAULT_PLACE that is too long names it, beside whatever else is wrong', async () => {
  const env = { DEFAULT_PLACE: '店'.repeat(171), PORT: 'none', DATA_DIR: '/dev/null/never-used' };
  const { code, output } = await runCommand(['start'], env);
  assert.equal(code, 1);
  assert.match(output, /DEFAULT_PLACE takes 1 to 256 characters and at most 512 bytes/);
  assert.match(output, /PORT is "none"/);
});

test('.env.example names every variable that is read, and its values are the defaults', () => {
  const sources = ['config', 'cluster-config', 'notify-config', 'report-config'].map(
    (name) => `src/${name}.ts`,
  );
  const read = sources.map((file) => readFileSync(file, 'utf8')).join();
  const names = [...read.matchAll(/env\.([A-Z_]+)|\(\s*(?:env, )?'([A-Z][A-Z_]+)'/g)].map(
    (match) => match[1] ?? match[2]!,
  );
  const example = Object.fromEntries(
    [...readFileSync('.env.example', 'utf8').matchAll(/^([A-Z_]+)=(.*)$/gm)].map((match) => [
      match[1]!,
      match[2]!,
    ]),
  );
  assert.deepEqual(Object.keys(example).sort(), [...new Set(names)].sort());
  const asked = { portIsDefault: false, dataDirIsDefault: false };
  assert.deepEqual(readConfig(example), { ...readConfig({}), ...asked });
});
