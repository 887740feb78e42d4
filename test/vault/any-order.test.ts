import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { inTransaction } from '../../src/base/db.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { parseDocument } from '../../src/intake/parse-document.ts';
import { createReference } from '../../src/reference/load-reference.ts';
import { auditVault } from '../../src/vault/audit-vault.ts';
import { createVaultFollower, type VaultDeps } from '../../src/vault/load-vault.ts';
import { type CustomersFixture, createCustomersFixture, createDyingPool } from '../customers/fixture.ts';
import { followToEnd } from './fixture.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
let fixture: CustomersFixture;
before(async () => {
  fixture = await createCustomersFixture('2024-03-01T12:00:00Z');
});
after(() => fixture.database.drop());

type Line = { product: number; category: number; quantity: number; price: number };
type Document = {
  id: number;
  revision: number;
  refund: boolean;
  place: number;
  customer: number;
  lines: Line[];
};

const small = (max: number) => fc.integer({ min: 0, max });
const documents = fc.array(
  fc.record<Document>({
    id: small(8),
    revision: small(4),
    refund: fc.boolean(),
    place: small(1),
    customer: small(2),
    lines: fc.array(
      fc.record<Line>({
        product: small(2),
        category: small(1),
        quantity: fc.integer({ min: 1, max: 3 }),
        price: small(99),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  { minLength: 5, maxLength: 40 },
);

function receiptOf(document: Document, run: string): Record<string, unknown> {
  return {
    transaction_id: `${run}-${document.id}`,
    revision: document.revision,
    place_id: `${run}-${document.place}`,
    customer_id: document.customer === 0 ? undefined : `${run}-c${document.customer}`,
    ...(document.refund ? { type: 'refund' } : {}),
    items: document.lines.map(({ product, category, quantity, price }) => ({
      product_id: `p${product}`,
      category: `c${category}`,
      quantity,
      price,
    })),
    total_amount: document.lines.reduce((sum, line) => sum + line.quantity * line.price, 0),
    nds_amount: 0,
    tips_amount: 0,
  };
}

/** What must be in force: of each sale the highest revision, and of that the document that came first. */
function expected(list: readonly Document[], run: string): string[] {
  const best = new Map<number, Document>();
  for (const document of list) {
    const before = best.get(document.id);
    if (before === undefined || document.revision > before.revision) best.set(document.id, document);
  }
  return [...best.values()]
    .flatMap((document) =>
      document.lines.map(({ product, category, quantity, price }, index) => {
        const sign = document.refund ? -1 : 1;
        const amount = sign * quantity * price * 100;
        return `${run}-${document.id} ${run}-${document.place} ${index + 1} p${product} c${category} ${quantity * 1000} ${amount}`;
      }),
    )
    .sort();
}

const current = async (run: string, from = 'dds.v_sale_line_current') => {
  const { rows } = await fixture.pool.query({
    text: `select concat_ws(' ', source_id, place_id, line_number, product_id, category, quantity, net_amount) as row
      from ${from} where source_id like $1 || '-%'`,
    values: [run],
  });
  return rows.map((row) => row.row as string).sort();
};

function followerDeps(): VaultDeps {
  const { pool, epoch } = fixture;
  const log = createLog('silent');
  const config = {
    ...{ strictTotals: false, maximumFutureHours: 48, minimumDate: '2000-01-01' },
    productIdScope: 'chain' as const,
  };
  return {
    ...{ pool, epoch, identity: 'source', log, metrics: createMetrics() },
    reference: createReference({ pool, log }),
    parse: (arrival, snapshot) => parseDocument(arrival, { current: snapshot, config, accepted: true }),
  };
}

const audited = () =>
  inTransaction(
    fixture.pool,
    (client) => auditVault(client),
    'begin isolation level repeatable read read only',
  );

let runs = 0;
test(`documents in any order, loaded and followed in any pieces, with kills in between (SEED=${seed})`, async () => {
  const pieces = fc.array(
    fc.record({
      documents: fc.integer({ min: 1, max: 9 }),
      rows: fc.integer({ min: 1, max: 7 }),
      die: fc.option(small(14)),
    }),
    {
      minLength: 6,
      maxLength: 6,
    },
  );
  await fc.assert(
    fc.asyncProperty(documents, pieces, async (list, plan) => {
      const run = `s${seed}x${runs++}`;
      const dying = createDyingPool(fixture.pool);
      const pool = Object.assign(Object.create(fixture.pool), dying.pool);
      for (let start = 0, piece = 0; start < list.length; piece++) {
        const { documents: count, rows, die } = plan[piece % plan.length]!;
        const batch = list.slice(start, start + count);
        start += count;
        await fixture.loader.load(batch.map((document) => fixture.parse(receiptOf(document, run))));
        const follower = createVaultFollower({ ...followerDeps(), pool, rowsPerStep: rows });
        dying.dieAfter(die);
        await follower.step().catch((error: Error) => assert.equal(error.message, 'killed'));
        dying.dieAfter(null);
      }
      const follower = createVaultFollower({ ...followerDeps(), rowsPerStep: 3 });
      await followToEnd(fixture.pool, follower);
      assert.deepEqual(await current(run), expected(list, run));
      assert.deepEqual(await audited(), []);
    }),
    { seed, numRuns: Number(process.env.RUNS ?? 12), endOnFailure: false },
  );
});

test('what was known at a moment is found again, and a line that went is told', async () => {
  const follower = createVaultFollower(followerDeps());
  const line = (product: number, price: number): Line => ({ product, category: 0, quantity: 1, price });
  const sale = (revision: number, lines: Line[]): Document => ({
    id: 1,
    revision,
    refund: false,
    place: 0,
    customer: 0,
    lines,
  });
  const states = [
    sale(2, [line(1, 5), line(2, 6)]),
    sale(4, [line(1, 7)]),
    sale(3, [line(0, 1), line(1, 1), line(2, 1)]),
  ];
  const moments: string[] = [];
  for (const state of states) {
    await fixture.loader.load([fixture.parse(receiptOf(state, 'known'))]);
    await followToEnd(fixture.pool, follower);
    const { rows } = await fixture.pool.query('select max(load_dt)::text as at from dds.s_order_context');
    moments.push(rows[0].at);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const at = (moment: string) => current('known', `dds.v_sale_line_as_of('${moment}')`);
  assert.deepEqual(await at(moments[0]!), expected([states[0]!], 'known'));
  assert.deepEqual(await at(moments[1]!), expected([states[1]!], 'known'));
  // The third came too late: the second stays.
  assert.deepEqual(await at(moments[2]!), expected([states[1]!], 'known'));
  const { rows } = await fixture.pool.query(`
    select l.version::integer as version, l.line_number, l.is_deleted from dds.s_order_line as l
    join dds.l_order_product as i using (link_key) join dds.h_order as o using (order_key)
    where o.order_id = 'receipt:known-1' and is_deleted order by 1, 2`);
  assert.deepEqual(
    rows.map((row) => [row.version, row.line_number]),
    // From 2 to 3 the products moved by a line; 4 has only one of them.
    [
      [3, 1],
      [3, 2],
      [4, 1],
      [4, 2],
      [4, 2],
      [4, 3],
    ],
  );
  assert.deepEqual(await audited(), []);
});
