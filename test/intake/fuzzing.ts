import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseDocument } from '../../src/intake/parse-document.ts';
import type { Incoming, Source } from '../../src/sales/sale.ts';
import { arrivalOf, contextOf } from './parsing.ts';

export const context = contextOf({ places: { unique_place_id1: { timeZone: 'Europe/Berlin' } } });

/** Whether a pointer leads to a value, or to where a member is missing. */
function leadsSomewhere(document: unknown, pointer: string): boolean {
  if (pointer === '') return true;
  if (!pointer.startsWith('/')) return false;
  const keys = pointer
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop()!;
  let value = document;
  for (const key of keys) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return false;
    value = (value as Record<string, unknown>)[key];
  }
  return value !== null && typeof value === 'object' && last.length >= 0;
}

function readable(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

const isAmount = (value: number) => Number.isSafeInteger(value) && value >= 0 && value < 10 ** 12;

function checkSale(sale: NonNullable<Incoming['sale']>): void {
  assert.ok(sale.lines.length <= 10_000 && (sale.lines.length > 0 || sale.status !== 'closed'));
  for (const amount of [sale.totalMinor, sale.ndsMinor, sale.tipsMinor, sale.discountMinor])
    assert.ok(isAmount(amount), String(amount));
  for (const line of sale.lines) {
    assert.ok(isAmount(line.priceMinor) && isAmount(line.amountMinor));
    assert.ok(Number.isSafeInteger(line.quantityMilli) && line.quantityMilli > 0);
    assert.ok(line.quantityMilli < 10 ** 9);
  }
  const [line] = sale.lines;
  for (const id of [sale.sourceId, sale.placeId, line?.productId ?? 'x', line?.category ?? 'x'])
    assert.ok(id.length > 0 && Buffer.byteLength(id) <= 512 && id.isWellFormed() && !id.includes('\0'));
}

/** Whether it is a sale; whatever it is, it must be in order. */
export function check(body: Buffer, source: Source): boolean {
  const incoming = parseDocument(arrivalOf(body, { source }), context);
  assert.ok(incoming.body.equals(body));
  if (incoming.sale !== undefined) {
    checkSale(incoming.sale);
    return true;
  }
  if (incoming.verdict === 'ignored') return false;
  assert.ok(incoming.problems.length > 0 && incoming.problems.length <= 100);
  const document = readable(body);
  for (const problem of incoming.problems) {
    assert.match(problem.code, /^[a-z0-9_]+$/);
    assert.ok(problem.message.length > 0 && problem.message.isWellFormed());
    assert.ok(problem.pointer.isWellFormed() && !problem.pointer.includes('\0'));
    assert.ok(leadsSomewhere(document, problem.pointer), `${problem.pointer} in ${body.toString()}`);
  }
  return false;
}

const oddText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    'NaN',
    '-0',
    '1e5',
    '__proto__',
    'x'.repeat(257),
    '2024-02-30T00:00:00',
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);
const oddNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(-0, 0, 0.1 + 0.2, 1e-9, 1e12, 1e21, 1e308, -1e308, 999_999_999.99, 0.005, 2.675),
);
/** Anything a member may hold that is not what it should. */
export const odd = fc.oneof(
  oddText,
  oddNumber,
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom(undefined, null, [], {}),
);

/** A document with bytes changed, left out, put in or repeated. */
export function edited(body: Buffer): fc.Arbitrary<Buffer> {
  const edit = fc.tuple(fc.nat(body.length - 1), fc.nat(255), fc.nat(3));
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let bytes = Buffer.from(body);
    for (const [at, byte, kind] of edits) {
      if (kind === 0) bytes[at] = byte;
      else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      else if (kind === 2)
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at)]);
      else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at >> 1)]);
    }
    return bytes;
  });
}
