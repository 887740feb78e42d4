import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openImport } from '../../src/imports/open-import.ts';
import { checkText } from '../../src/reports/check-text.ts';
import type { ReportFacts } from '../../src/reports/report-facts.ts';
import { startTestProgram, type TestProgram } from '../program.ts';

const example = path.resolve(import.meta.dirname, '../../examples/pizza-place');
let tested: TestProgram;

/** Nine weeks of the year, up to the Friday of its best sales. */
before(async () => {
  tested = await startTestProgram();
  const file = await openImport(
    { file: path.join(example, 'order_details.csv'), mapping: path.join(example, 'mapping.json') },
    'RUB',
  );
  const lines: string[] = [];
  for await (const documents of await file.open())
    for (const { body } of documents) {
      const text = body!.toString();
      const { timestamp } = JSON.parse(text) as { timestamp: string };
      if (timestamp >= '2015-09-28' && timestamp < '2015-11-28') lines.push(text);
    }
  const sent = await tested.call('POST', '/api/checks/', lines.join('\n'), {
    'content-type': 'application/x-ndjson',
  });
  assert.deepEqual([sent.status, sent.body.rejected], [202, 0]);
});
after(() => tested.stop());

async function report(asked: Record<string, unknown>): Promise<{ facts: ReportFacts; report: string }> {
  const { body } = await tested.call('POST', '/api/reports/', { language: 'en', ...asked });
  for (;;) {
    const { body: row } = await tested.call('GET', `/api/reports/${body.id}`);
    if (row.report !== null) return row;
    await sleep(50);
  }
}

/** Worked out from the files with exact decimals, independently of this program. */
test('the facts of the best Friday of the pizza year', async () => {
  const { facts, report: text } = await report({ date: '2015-11-27' });
  const [day] = facts.currencies;
  assert.deepEqual(
    [facts.place, facts.basis, facts.is_unfinished, facts.currencies.length],
    [null, 'itemised', false, 1],
  );
  const { currency, revenue, receipts, units, average_receipt } = day!;
  assert.deepEqual(
    { currency, revenue, receipts, units, average_receipt },
    { currency: 'USD', revenue: 4422.45, receipts: 115, units: 264, average_receipt: 38.46 },
  );
  assert.deepEqual(
    day!.comparisons.map((one) => [one.kind, one.revenue, one.receipts, one.revenue_change_percent]),
    [
      ['previous_day', 4405.95, 113, 0.4],
      ['week_before', 2388.1, 65, 85.2],
      ['average_of_7_days_before', 2472.16, 64.4, 78.9],
      ['same_weekday_average', 2537.49, 65.6, 74.3],
    ],
  );
  assert.equal(day!.comparisons[3]!.average_receipt, 38.67);
  assert.deepEqual(
    day!.top_by_money.map(({ name, units: sold, revenue: made, share_percent }) => [
      ...[name, sold, made, share_percent],
    ]),
    [
      ['The Five Cheese Pizza (L)', 14, 259, 5.9],
      ['The Classic Deluxe Pizza (M)', 12, 192, 4.3],
      ['The Mexicana Pizza (L)', 8, 162, 3.7],
      ['The California Chicken Pizza (L)', 7, 145.25, 3.3],
      ['The Thai Chicken Pizza (L)', 7, 145.25, 3.3],
    ],
  );
  assert.deepEqual(
    day!.top_by_units.map((one) => one.units),
    [14, 12, 9, 8, 7],
  );
  assert.deepEqual(
    day!.categories.map((one) => [one.category, one.units, one.revenue, one.share_percent]),
    [
      ['Classic', 86, 1290.5, 29.2],
      ['Veggie', 73, 1243.8, 28.1],
      ['Chicken', 53, 959.75, 21.7],
      ['Supreme', 52, 928.4, 21],
    ],
  );
  // The median of the eight Fridays before is 2,533.85, their median deviation 174.25.
  assert.deepEqual(day!.unusual_days, [
    {
      ...{ date: '2015-11-27', direction: 'high', revenue: 4422.45, usual_revenue: 2533.85 },
      change_percent: 74.5,
    },
  ]);
  assert.equal(day!.recommendations[0]!.kind, 'high_day');
  assert.match(text, /Revenue: \*\*\$4,422\.45\*\*/);
  assert.equal(checkText(text, facts), undefined);
});

test('a week beside the week before it, and its unusual days', async () => {
  const { facts } = await report({ from: '2015-11-16', to: '2015-11-22', place_id: 'pizza-place' });
  const [week] = facts.currencies;
  assert.deepEqual(
    [facts.place, facts.days, week!.revenue, week!.receipts],
    ['Pizza Place', 7, 14860.55, 392],
  );
  // A week is its own number of weeks, so the period before is that a week before as well.
  assert.deepEqual(
    week!.comparisons.map((one) => [one.kind, one.from, one.to, one.revenue]),
    [
      ['previous_period', '2015-11-09', '2015-11-15', 15448.3],
      ['same_weekday_average', '2015-09-21', '2015-11-15', week!.comparisons[1]!.revenue],
    ],
  );
  assert.deepEqual(week!.unusual_products, []);
});
