import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

type Document = {
  place: number;
  id: number;
  revision: number;
  refund: boolean;
  day: number;
  hour: number;
  payment: number;
  lines: { product: number; category: number; quantity: number; priceMinor: number }[];
};

const documents = fc.array(
  fc.record<Document>({
    place: fc.integer({ min: 0, max: 2 }),
    id: fc.integer({ min: 0, max: 12 }),
    revision: fc.integer({ min: 0, max: 3 }),
    refund: fc.boolean(),
    day: fc.integer({ min: 0, max: 70 }),
    hour: fc.integer({ min: 0, max: 23 }),
    payment: fc.integer({ min: 0, max: 1 }),
    lines: fc.array(
      fc.record({
        product: fc.integer({ min: 0, max: 3 }),
        category: fc.integer({ min: 0, max: 2 }),
        quantity: fc.integer({ min: 1, max: 5 }),
        priceMinor: fc.integer({ min: 0, max: 9999 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  { minLength: 1, maxLength: 60 },
);

const dateOf = (day: number) => new Date(Date.UTC(2023, 11, 1 + day)).toISOString().slice(0, 10);
const totalOf = (document: Document) =>
  document.lines.reduce((sum, line) => sum + line.quantity * line.priceMinor, 0);

function receiptOf(document: Document, run: string) {
  return {
    transaction_id: `${run}-${document.id}`,
    timestamp: `${dateOf(document.day)}T${String(document.hour).padStart(2, '0')}:15:00`,
    place_id: `${run}-${document.place}`,
    items: document.lines.map((line) => ({
      product_id: `p${line.product}`,
      category: `c${line.category}`,
      quantity: line.quantity,
      price: line.priceMinor / 100,
    })),
    total_amount: totalOf(document) / 100,
    nds_amount: 0,
    payment_method: `m${document.payment}`,
    revision: document.revision,
    ...(document.refund ? { type: 'refund' } : {}),
  };
}

/** Written without looking at the program: the first document of the highest revision of each id stands. */
function standing(list: readonly Document[]): Document[] {
  const current = new Map<number, Document>();
  for (const document of list) {
    const before = current.get(document.id);
    if (before === undefined || document.revision > before.revision) {
      // An id that another place used under the same revision is a conflict, under a higher one a correction.
      current.set(document.id, document);
    }
  }
  return [...current.values()];
}

type Sum = { sales: number; refunds: number; receipts: number; units: number };

function sumBy(
  list: readonly Document[],
  keysOf: (document: Document) => [string, number, number][],
): Map<string, Sum> {
  const sums = new Map<string, Sum>();
  for (const document of list) {
    const counted = new Set<string>();
    for (const [key, amountMinor, units] of keysOf(document)) {
      const sum = sums.get(key) ?? { sales: 0, refunds: 0, receipts: 0, units: 0 };
      sums.set(key, sum);
      if (document.refund) sum.refunds += amountMinor;
      else sum.sales += amountMinor;
      sum.units += document.refund ? -units : units;
      if (!document.refund && !counted.has(key)) sum.receipts++;
      counted.add(key);
    }
  }
  for (const [key, sum] of sums)
    if (sum.sales === 0 && sum.refunds === 0 && sum.receipts === 0 && sum.units === 0) sums.delete(key);
  return sums;
}

async function asked(query: string, keyOf: (row: any) => string): Promise<Map<string, Sum>> {
  const { status, body } = await tested.call('GET', `/api/analytics/sales?${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return new Map(
    body.rows.map((row: any) => [
      keyOf(row),
      {
        sales: Math.round(row.sales * 100),
        refunds: Math.round(row.refunds * 100),
        receipts: row.receipts,
        units: row.units,
      },
    ]),
  );
}

const sorted = (sums: Map<string, Sum>) => [...sums].sort(([a], [b]) => (a < b ? -1 : 1));

async function compare(list: readonly Document[], run: string): Promise<void> {
  const places = [0, 1, 2].map((place) => `place_id=${run}-${place}`).join('&');
  const month = (document: Document) => dateOf(document.day).slice(0, 7);
  const whole = (document: Document): number => document.lines.reduce((sum, line) => sum + line.quantity, 0);
  const checks: [string, (row: any) => string, (document: Document) => [string, number, number][]][] = [
    [
      'granularity=day',
      (row) => row.period,
      (document) => [[dateOf(document.day), totalOf(document), whole(document)]],
    ],
    [
      'granularity=month&group_by=payment_method',
      (row) => `${row.period} ${row.payment_method}`,
      (document) => [[`${month(document)} m${document.payment}`, totalOf(document), whole(document)]],
    ],
    [
      'granularity=total&group_by=place',
      (row) => row.place_id,
      (document) => [[`${run}-${document.place}`, totalOf(document), whole(document)]],
    ],
    [
      'granularity=hour&from=2023-12-01&to=2024-03-01',
      (row) => row.period.slice(0, 13),
      (document) => [
        [
          `${dateOf(document.day)}T${String(document.hour).padStart(2, '0')}`,
          totalOf(document),
          whole(document),
        ],
      ],
    ],
    [
      'granularity=month&group_by=category',
      (row) => `${row.period} ${row.category}`,
      (document) =>
        document.lines.map((line) => [
          `${month(document)} c${line.category}`,
          line.quantity * line.priceMinor,
          line.quantity,
        ]),
    ],
    [
      'granularity=year&group_by=product',
      (row) => `${row.period} ${row.product_id}`,
      (document) =>
        document.lines.map((line) => [
          `${dateOf(document.day).slice(0, 4)} p${line.product}`,
          line.quantity * line.priceMinor,
          line.quantity,
        ]),
    ],
    [
      'granularity=day&group_by=product,category',
      (row) => `${row.period} ${row.product_id} ${row.category}`,
      (document) =>
        document.lines.map((line) => [
          `${dateOf(document.day)} p${line.product} c${line.category}`,
          line.quantity * line.priceMinor,
          line.quantity,
        ]),
    ],
  ];
  for (const [query, keyOf, keysOf] of checks) {
    assert.deepEqual(sorted(await asked(`${query}&${places}`, keyOf)), sorted(sumBy(list, keysOf)), query);
  }
}

let runs = 0;

test('for any history in any batching, the answers are those of a plain recomputation', async () => {
  await fc.assert(
    fc.asyncProperty(
      documents,
      fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 6 }),
      async (list, sizes) => {
        const run = `r${runs++}`;
        let start = 0;
        for (let batch = 0; start < list.length; batch++) {
          const size = sizes[batch % sizes.length]!;
          const answer = await tested.call(
            'POST',
            '/api/checks/',
            list.slice(start, start + size).map((document) => receiptOf(document, run)),
          );
          assert.equal(answer.status, 202);
          start += size;
          // Some of it folded, some of it rolled up, the rest tail.
          if (batch % 3 === 1) await tested.program.warehouse.settle();
          if (batch % 3 === 2) await tested.settle();
        }
        await compare(standing(list), run);
        await tested.settle();
        await compare(standing(list), run);
      },
    ),
    { numRuns: 25, verbose: 1 },
  );
  assert.deepEqual(await tested.audit(), []);
});
