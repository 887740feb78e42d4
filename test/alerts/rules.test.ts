import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRule, type RuleBody } from '../../src/alerts/check-rule.ts';
import { decideAlerts, type Track } from '../../src/alerts/decide-alerts.ts';
import type { Judgement } from '../../src/alerts/judgement.ts';
import { CodedError } from '../../src/base/errors.ts';

const low: RuleBody = { name: 'low', kind: 'threshold', metric: 'net', window_minutes: 60, below: 1000 };

function refused(changes: Partial<RuleBody>): Record<string, string> {
  try {
    checkRule({ ...low, ...changes });
  } catch (error) {
    assert.ok(error instanceof CodedError);
    assert.equal(error.code, 'invalid_parameters');
    const pointers = error.errors!.map(({ pointer }) => pointer);
    assert.equal(pointers.includes('/body/window_minutes'), error.members?.can_be_asked !== undefined);
    return Object.fromEntries(error.errors!.map(({ pointer, message }) => [pointer, message]));
  }
  return assert.fail(`${JSON.stringify(changes)} was taken`);
}

test('the rule of the documentation is taken, with what it leaves out', () => {
  const rule = checkRule({ ...low, place_id: 'store-1', cooldown_minutes: 60, channels: ['ops', 'ops'] });
  assert.deepEqual(rule.channels, ['ops']);
  assert.equal(rule.enabled, true);
  assert.equal(checkRule({ name: 's', kind: 'silence' }).window_minutes, 30);
  assert.equal(checkRule({ name: 'a', kind: 'audit' }).above, 0);
});

test('a window is of the steps in which its figures are kept, and the error says which', () => {
  assert.match(refused({ window_minutes: 7 })['/body/window_minutes']!, /multiples of 5/);
  assert.match(refused({ window_minutes: 90, category: 'pizza' })['/body/window_minutes']!, /multiple of 60/);
  assert.match(refused({ window_minutes: 60, product_id: 'p' })['/body/window_minutes']!, /multiple of 1440/);
  checkRule({ ...low, window_minutes: 120, category: 'pizza' });
  checkRule({ ...low, window_minutes: 1440, product_id: 'p' });
});

test('what says nothing is refused, everything at once', () => {
  assert.deepEqual(Object.keys(refused({ below: null, metric: 'speed', currency: 'XXQ' })), [
    ...['/body/metric', '/body/below', '/body/currency'],
  ]);
  assert.match(refused({ above: 5 })['/body/above']!, /two rules/);
  assert.match(refused({ kind: 'change', below: 30 })['/body/below']!, /-30 is a drop/);
  assert.match(refused({ kind: 'silence', metric: null })['/body/below']!, /learned/);
  assert.match(refused({ kind: 'lag', metric: 'lag', below: null })['/body/above']!, /needed/);
  assert.match(
    refused({ metric: 'tips', category: 'pizza', window_minutes: 60 })['/body/metric']!,
    /none of/,
  );
  assert.match(refused({ metric: 'receipts', currency: 'RUB' })['/body/currency']!, /money/);
  assert.match(
    refused({ product_id: 'p', category: 'c', window_minutes: 1440 })['/body/category']!,
    /not both/,
  );
  assert.match(refused({ muted_until: '2026-01-31T18:00:00' })['/body/muted_until']!, /zone/);
});

const minuteMs = 60_000;
const said = (isOver: boolean | undefined, changes: Partial<Judgement> = {}): Judgement => ({
  ...{ target: 'arbat', placeId: 'arbat', currency: null, atMs: 0, isOver, value: 1, baseline: null },
  ...{ lower: null, upper: null, windowFromMs: 0, windowToMs: 0, ...changes },
});

/** What is decided minute by minute: F fires, r resolves. */
function story(rule: Parameters<typeof decideAlerts>[0], judgements: (Judgement | undefined)[]): string {
  const tracks = new Map<string, Track>();
  return judgements
    .map((one, minute) => {
      const decided = decideAlerts(rule, tracks, {
        atMs: minute * minuteMs,
        judgements: one === undefined ? [] : [one],
      });
      return decided.map(({ type }) => (type === 'fire' ? 'F' : 'r')).join('') || '.';
    })
    .join('');
}

test('an alert fires once, resolves itself, and rests for its cool-down', () => {
  const rule = { kind: 'threshold', cooldown_minutes: 3, muted_until: null } as const;
  const [over, under] = [said(true), said(false)];
  assert.equal(story(rule, [over, over, over, under, under]), 'F..r.');
  assert.equal(story(rule, [over, under, over, over, over, over]), 'Fr..F.');
  assert.equal(story(rule, [over, undefined]), 'Fr', 'its place is gone');
  assert.equal(story(rule, [over, said(undefined)]), 'Fr', 'its hours are over');
  assert.equal(story(rule, [over, said(false, { isBetween: true }), under]), 'F.r');
});

test('silence ends when something comes, not when the shop closes', () => {
  const rule = { kind: 'silence', cooldown_minutes: 0, muted_until: null } as const;
  assert.equal(story(rule, [said(true), said(undefined), said(undefined), said(false)]), 'F..r');
});

test('a muted rule fires nothing until its time is over, and still resolves', () => {
  const muted_until = new Date(2 * minuteMs);
  const rule = { kind: 'threshold', cooldown_minutes: 0, muted_until } as const;
  assert.equal(story(rule, [said(true), said(true), said(true), said(false)]), '..Fr');
});
