import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type ErrorCode, errorTable } from '../../src/base/errors.ts';
import { errorAdvice } from '../../src/http/error-advice.ts';

const root = path.resolve(import.meta.dirname, '../..');
const page = path.join(root, 'docs/errors.md');
const codes = Object.keys(errorTable) as ErrorCode[];
const isOfCommands = (code: ErrorCode) => errorTable[code].status === 500 && code !== 'internal';

function section(code: ErrorCode): string {
  const { status, title } = errorTable[code];
  const where = isOfCommands(code) ? 'Exit code 1' : `Status ${status}`;
  return `### ${code}\n\n${where}. ${title}.\n\n${errorAdvice[code]}\n`;
}

const expected = `# Errors

Over HTTP every error is \`application/problem+json\` (RFC 9457). Its \`code\` is stable, its \`type\` leads to the same
words at \`/docs/errors\`, its \`detail\` says what is wrong this time, and \`errors\` names each trouble by a JSON pointer.
On the command line it is one line on standard error.

## Over HTTP

${codes
  .filter((code) => !isOfCommands(code))
  .map(section)
  .join('\n')}
## On the command line

${codes.filter(isOfCommands).map(section).join('\n')}`;

test('docs/errors.md is what the table of errors and the advice say', () => {
  if (process.env.UPDATE === '1') writeFileSync(page, expected);
  assert.equal(
    readFileSync(page, 'utf8'),
    expected,
    'run UPDATE=1 node --test test/http/errors-page.test.ts',
  );
});

test('every code is met somewhere, and says what to do', () => {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/base\/errors|http\/error-advice/.test(file))
    .map((file) => readFileSync(path.join(root, 'src', file), 'utf8'))
    .join('\n');
  for (const code of codes) {
    assert.ok((errorAdvice[code] ?? '').length > 10, `${code} has no advice in src/http/error-advice.ts`);
    assert.ok(sources.includes(`'${code}'`), `nothing answers ${code}; take it out of the table`);
  }
});
