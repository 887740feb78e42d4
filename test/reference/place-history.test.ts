import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalTime } from '../../src/base/time.ts';
import { type Change, placeHistoryOf, valueFor, zoneFor } from '../../src/reference/place-history.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const written = (local: string): LocalTime => ({ local });
const zoned = (local: string, offset = 'Z'): LocalTime => ({ local, offset });

/** Changes in the order in which they were made: `[since, fields]`. */
function history(...changes: [since: string | null, fields: Record<string, unknown>][]) {
  const list = changes.map(([since, fields], index): Change => ({ version: index + 1, since, fields }));
  const { timeZone, businessDayStart, currency } = placeHistoryOf(list.toReversed());
  return {
    zone: (time: LocalTime) => zoneFor(timeZone, time, 'UTC'),
    start: (time: LocalTime) => valueFor(businessDayStart, timeZone, time, 'UTC'),
    currency: (time: LocalTime) => valueFor(currency, timeZone, time, 'UTC'),
  };
}

test('nothing was ever set: the default zone, and no value', () => {
  const place = history();
  assert.equal(place.zone(written('2024-03-15T12:00:00')), 'UTC');
  assert.equal(place.start(written('2024-03-15T12:00:00')), undefined);
});

test('the first value of a field holds since the beginning, whenever it was said to begin', () => {
  const place = history(['2024-03-15T00:00:00', { time_zone: 'Asia/Tokyo' }]);
  assert.equal(place.zone(written('2001-01-01T00:00:00')), 'Asia/Tokyo');
  assert.equal(place.zone(zoned('2001-01-01T00:00:00')), 'Asia/Tokyo');
});

test('each field has a timeline of its own', () => {
  const place = history(
    [null, { time_zone: 'Asia/Tokyo' }],
    ['2024-03-15T00:00:00', { currency: 'EUR', time_zone: 'Europe/Paris' }],
    ['2024-04-01T00:00:00', { currency: 'USD' }],
  );
  const before = written('2024-03-01T00:00:00');
  assert.equal(place.zone(before), 'Asia/Tokyo');
  // Its first value, although its change says since March.
  assert.equal(place.currency(before), 'EUR');
  assert.equal(place.currency(written('2024-05-01T00:00:00')), 'USD');
  assert.equal(place.zone(written('2024-05-01T00:00:00')), 'Europe/Paris');
});

test('a value holds from its time on, that second included, until the next', () => {
  const place = history(
    [null, { business_day_start: '00:00' }],
    ['2024-06-01T00:00:00', { business_day_start: '06:00' }],
    // Made later, holds earlier: until June only.
    ['2024-03-15T10:30:00', { business_day_start: '03:00' }],
  );
  const at = (local: string) => place.start(written(local));
  assert.equal(at('2024-03-15T10:29:59.999'), '00:00');
  assert.equal(at('2024-03-15T10:30:00'), '03:00');
  assert.equal(at('2024-03-15T10:30:00.001'), '03:00');
  assert.equal(at('2024-05-31T23:59:59'), '03:00');
  assert.equal(at('2024-06-01T00:00:00'), '06:00');
});

test('a later version replaces an earlier one of the same time', () => {
  const place = history(
    [null, { time_zone: 'UTC' }],
    ['2024-03-15T00:00:00', { time_zone: 'Asia/Tokyo' }],
    ['2024-03-15T00:00:00', { time_zone: 'Asia/Kolkata' }],
    [null, { time_zone: 'Europe/Paris' }],
  );
  assert.equal(place.zone(written('2024-03-14T00:00:00')), 'Europe/Paris');
  assert.equal(place.zone(written('2024-03-15T00:00:00')), 'Asia/Kolkata');
});

test('a correction since the beginning replaces the first value, whenever that was said to begin', () => {
  const place = history(['2024-03-15T00:00:00', { time_zone: 'UTC' }], [null, { time_zone: 'Asia/Tokyo' }]);
  assert.equal(place.zone(written('2024-03-01T00:00:00')), 'Asia/Tokyo');
  assert.equal(place.zone(written('2024-04-01T00:00:00')), 'Asia/Tokyo');
});

test('a sale with an offset is compared by the clock that was held before the change', () => {
  const place = history(
    [null, { time_zone: 'America/New_York', business_day_start: '00:00' }],
    ['2024-03-15T00:00:00', { time_zone: 'Asia/Tokyo', business_day_start: '05:00' }],
  );
  // 23:59 on the 14th in New York, although the 15th in Tokyo and in UTC.
  const before = zoned('2024-03-15T03:59:59');
  assert.equal(place.zone(before), 'America/New_York');
  assert.equal(place.start(before), '00:00');
  // Midnight in New York; the same instant however it is written.
  for (const time of [zoned('2024-03-15T04:00:00'), zoned('2024-03-15T13:00:00', '+09:00')]) {
    assert.equal(place.zone(time), 'Asia/Tokyo');
    // All fields of one change hold from the same instant.
    assert.equal(place.start(time), '05:00');
  }
  // Without an offset it is compared as written.
  assert.equal(place.zone(written('2024-03-15T00:00:00')), 'Asia/Tokyo');
  assert.equal(place.zone(written('2024-03-14T23:59:59')), 'America/New_York');
});

test('of several changes of zone each is compared by the one before it', () => {
  const place = history(
    [null, { time_zone: 'UTC' }],
    ['2024-03-15T00:00:00', { time_zone: 'Asia/Tokyo' }],
    ['2024-03-20T00:00:00', { time_zone: 'America/New_York' }],
    ['2024-03-20T00:00:00', { currency: 'USD' }],
    [null, { currency: 'JPY' }],
    ['2024-03-20T00:00:00', { currency: 'USD' }],
  );
  assert.equal(place.zone(zoned('2024-03-14T23:59:59')), 'UTC');
  assert.equal(place.zone(zoned('2024-03-15T00:00:00')), 'Asia/Tokyo');
  // Midnight of the 20th in Tokyo.
  assert.equal(place.zone(zoned('2024-03-19T14:59:59')), 'Asia/Tokyo');
  assert.equal(place.zone(zoned('2024-03-19T15:00:00')), 'America/New_York');
  assert.equal(place.currency(zoned('2024-03-19T14:59:59')), 'JPY');
  assert.equal(place.currency(zoned('2024-03-19T15:00:00')), 'USD');
});

test(`a plain reading of the rules agrees, for any history (SEED=${seed})`, () => {
  let state = seed;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const zones = ['UTC', 'Asia/Tokyo', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia'];
  const time = () =>
    `2024-03-${String(10 + random(4)).padStart(2, '0')}T${String(random(24)).padStart(2, '0')}:00:00`;
  for (let round = 0; round < 300; round++) {
    const changes = Array.from({ length: 1 + random(6) }, (): [string | null, Record<string, unknown>] => [
      random(4) === 0 ? null : time(),
      {
        ...(random(3) > 0 ? { time_zone: zones[random(5)] } : {}),
        ...(random(3) > 0 ? { currency: `C${random(9)}` } : {}),
      },
    ]);
    const place = history(...changes);
    for (let sale = 0; sale < 20; sale++) {
      const at = random(2) === 0 ? written(time()) : zoned(time());
      const expected = plainly(changes, at);
      const shown = JSON.stringify({ changes, at });
      assert.equal(place.zone(at), expected.time_zone ?? 'UTC', shown);
      assert.equal(place.currency(at), expected.currency, shown);
    }
  }
});

/** Walks through the times from which something holds, and keeps what holds at the sale. */
function plainly(
  changes: [string | null, Record<string, unknown>][],
  sale: LocalTime,
): Record<string, string> {
  const seen = new Set<string>();
  const entries = new Map<string, Record<string, string>>();
  for (const [since, fields] of changes) {
    for (const [name, value] of Object.entries(fields)) {
      const from = seen.has(name) ? (since ?? '') : '';
      seen.add(name);
      entries.set(from, { ...entries.get(from), [name]: value as string });
    }
  }
  const holds: Record<string, string> = { ...entries.get('') };
  const instant =
    sale.offset === undefined ? undefined : Temporal.Instant.from(`${sale.local}${sale.offset}`);
  let zone = holds.time_zone ?? 'UTC';
  for (const from of [...entries.keys()].filter((key) => key !== '').sort()) {
    const local =
      instant === undefined
        ? Temporal.PlainDateTime.from(sale.local)
        : instant.toZonedDateTimeISO(zone).toPlainDateTime();
    // Later ones do not hold either: each timeline is walked no further than this.
    if (Temporal.PlainDateTime.compare(local, from) < 0) break;
    Object.assign(holds, entries.get(from));
    zone = holds.time_zone ?? 'UTC';
  }
  return holds;
}
