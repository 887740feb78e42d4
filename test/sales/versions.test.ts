import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTimestamp } from '../../src/base/time.ts';
import { type OrderStatus, orderStatuses } from '../../src/sales/order.ts';
import { encodeOrderVersion } from '../../src/sales/versions.ts';

type Given = { at?: string; sent?: string; count?: number; status?: OrderStatus };
const noon = '2023-04-01 12:00:00';
const versionOf = ({ at = noon, sent = noon, count = 1, status = 'OPEN' }: Given) =>
  encodeOrderVersion({
    updated: parseTimestamp(at)!,
    sent: sent === '' ? undefined : parseTimestamp(sent)!,
    statusCount: count,
    status,
  });

/** Each is later than the one before it. */
const rising: [string, Given[]][] = [
  ['the time of the update comes first', [{ at: '2023-04-01 11:59:59', sent: '2024-01-01 00:00:00' }, {}]],
  [
    'fractions of a second count',
    [{ at: noon }, { at: `${noon}.000001` }, { at: `${noon}.1` }, { at: `${noon}.10001` }],
  ],
  ['then the time of sending', [{ sent: '', count: 9 }, { sent: noon, count: 9 }, { sent: `${noon}.5` }]],
  ['then the number of statuses', [{ count: 9, status: 'CANCELLED' }, { count: 10 }, { count: 100 }]],
  ['then the status', orderStatuses.map((status) => ({ status }))],
  [
    'a time with an offset is put into UTC, one without is UTC',
    [{ at: '2023-04-01T12:00:00+03:00' }, { at: '2023-04-01T12:00:00' }, { at: '2023-04-01T12:00:00-01:00' }],
  ],
  ['offsets keep fractions', [{ at: '2023-04-01T15:00:00.25+03:00' }, { at: '2023-04-01T12:00:00.250001Z' }]],
];
for (const [name, given] of rising) {
  test(name, () => {
    const versions = given.map(versionOf);
    assert.deepEqual([...versions].sort(), versions);
    assert.equal(new Set(versions).size, versions.length);
  });
}

test('however it is written, one instant is one version', () => {
  for (const at of ['2023-04-01T12:00:00Z', '2023-04-01 12:00', '2023-04-01T15:00:00+0300', `${noon}.000000`])
    assert.equal(versionOf({ at }), versionOf({}), at);
});
