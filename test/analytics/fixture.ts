import { setTimeout as sleep } from 'node:timers/promises';
import { registerAnalyticsRoutes } from '../../src/analytics/routes.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { readFromPrimary } from '../../src/database/read-side.ts';
import { type App, createServer } from '../../src/http/server.ts';
import type { Reference } from '../../src/reference/reference.ts';
import { type Contribution, contributionOf, negated } from '../../src/sales/contribution.ts';
import type { Sale, Source } from '../../src/sales/sale.ts';
import { countTail, createFold } from '../../src/warehouse/fold.ts';
import { createRollUp } from '../../src/warehouse/roll-up.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';

/** A sale as a test states it: a local time at its place, amounts in minor units, whole pieces. */
export type TestSale = {
  place: string;
  local: string;
  source: Source;
  payment: string;
  currency: string;
  refund: boolean;
  totalMinor: number;
  ndsMinor: number;
  tipsMinor: number;
  discountMinor: number;
  lines: { product: string; category: string; pieces: number; amountMinor: number }[];
};

export type TestPlace = { zone: string; dayStart: string; groups: string[]; name: string };

export const places: Record<string, TestPlace> = {
  arbat: { zone: 'Europe/Moscow', dayStart: '00:00', groups: ['north', 'old'], name: 'Arbat' },
  bar: { zone: 'Europe/Moscow', dayStart: '05:00', groups: ['old'], name: '=Bar; "late"' },
  york: { zone: 'America/New_York', dayStart: '00:00', groups: ['north'], name: 'York' },
  pune: { zone: 'Asia/Kolkata', dayStart: '00:00', groups: [], name: 'Pune' },
};

const epoch = 1;
let serial = 0;

function saleOf(sale: TestSale): Sale {
  return {
    source: sale.source,
    sourceId: `sale-${serial++}`,
    version: '0',
    status: 'closed',
    kind: sale.refund ? 'refund' : 'sale',
    placeId: sale.place,
    time: { local: sale.local },
    currency: sale.currency,
    paymentMethod: sale.payment,
    totalMinor: sale.totalMinor,
    ndsMinor: sale.ndsMinor,
    tipsMinor: sale.tipsMinor,
    discountMinor: sale.discountMinor,
    lines: sale.lines.map((line) => ({
      productId: line.product,
      category: line.category,
      quantityMilli: line.pieces * 1000,
      priceMinor: 0,
      amountMinor: line.amountMinor,
    })),
    flags: [],
  };
}

function contribution(sale: TestSale): Contribution {
  const { zone, dayStart } = places[sale.place]!;
  // It arrives seven minutes later, so that figures by arrival are others than those by sale.
  const soldAtMs = Temporal.PlainDateTime.from(sale.local).toZonedDateTime(zone).epochMilliseconds;
  return contributionOf(saleOf(sale), soldAtMs + 7 * 60_000, { timeZone: zone, businessDayStart: dayStart })!;
}

export type AnalyticsFixture = {
  database: TestDatabase;
  app: App;
  setNow(instant: string): void;
  /** Appends journal rows, each with its signed contributions. */
  add(sales: readonly TestSale[]): Promise<void>;
  correct(before: TestSale, after: TestSale): Promise<void>;
  fold(): Promise<void>;
  rollUp(): Promise<void>;
  /** As the token `admin`, or one bound to a place: `bound:arbat`. */
  get(
    url: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: any; text: string; headers: Record<string, unknown> }>;
  stop(): Promise<void>;
};

const reference: Reference = {
  current: () => ({
    version: 1,
    placeSettings: (placeId, _time, defaultTimeZone) => ({
      timeZone: places[placeId]?.zone ?? defaultTimeZone,
      businessDayStart: places[placeId]?.dayStart ?? '00:00',
    }),
    placeCurrency: () => undefined,
    productCategory: () => undefined,
  }),
  refresh: async () => reference.current(),
};

/** The routes over a database of their own, filled without loader or registry. */
export async function startAnalytics(): Promise<AnalyticsFixture> {
  const database = await createTestDatabase();
  const { pool } = database;
  const log = createLog('silent');
  const metrics = createMetrics();
  let now = Date.parse('2026-01-01T00:00:00Z');
  const config = readConfig({ DATA_DIR: '/nowhere', DEFAULT_TIME_ZONE: 'UTC' });
  const app = await createServer({
    config,
    log,
    metrics,
    authenticate: async (secret) => ({
      tokenId: secret,
      name: secret,
      roles: ['analyst'],
      ...(secret.startsWith('bound:') ? { placeId: secret.slice('bound:'.length) } : {}),
    }),
    readiness: async () => ({ ready: true, checks: {} }),
    registerRoutes: (scope) =>
      registerAnalyticsRoutes(scope, {
        reads: readFromPrimary(pool),
        reference,
        config,
        clock: { nowMs: () => now },
      }),
  });
  for (const [placeId, place] of Object.entries(places))
    await pool.query({
      text: 'insert into ops.place (place_id, place_name, groups) values ($1, $2, $3)',
      values: [placeId, place.name, place.groups],
    });
  const append = (contributions: readonly Contribution[][]) =>
    pool.query({
      text: `insert into stg.journal (epoch, received_at, source, verdict, contributions)
        select ${epoch}, now(), 'receipt', 'accepted', c::jsonb from unnest($1::text[]) as c`,
      values: [contributions.map((one) => JSON.stringify(one))],
    });
  const fold = createFold({ pool, epoch, log, metrics });
  const rollUp = createRollUp({ pool, log, metrics, rest: false });
  return {
    database,
    app,
    setNow(instant) {
      now = Date.parse(instant);
    },
    async add(sales) {
      await append(sales.map((sale) => [contribution(sale)]));
    },
    async correct(before, after) {
      await append([[negated(contribution(before)), contribution(after)]]);
    },
    async fold() {
      // A transaction of another test on the same server holds the fold back for a moment.
      while ((await countTail(pool, 1, ['fold'])) > 0) if ((await fold.step()) === 0) await sleep(10);
    },
    async rollUp() {
      while ((await rollUp.step()) > 0);
    },
    async get(url, headers = {}) {
      const response = await app.inject({
        method: 'GET',
        url,
        headers: { authorization: 'Bearer admin', ...headers },
      });
      const json = /json/.test(String(response.headers['content-type']));
      return {
        status: response.statusCode,
        body: json ? response.json() : undefined,
        text: response.body,
        headers: response.headers,
      };
    },
    async stop() {
      await app.close();
      await database.drop();
    },
  };
}

export function randomSales(count: number, from: string, days: number, random: () => number): TestSale[] {
  const whole = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[whole(list.length)]!;
  const start = Date.parse(`${from}T00:00:00Z`);
  return Array.from({ length: count }, (): TestSale => {
    const lines = Array.from({ length: 1 + whole(4) }, () => ({
      product: pick(['p1', 'p2', 'p3', 'p,4']),
      category: pick(['c1', 'c2', 'c3']),
      pieces: 1 + whole(3),
      amountMinor: whole(3000),
    }));
    const at = start + (whole(days) * 24 * 60 + whole(24 * 60)) * 60_000;
    const place = pick(Object.keys(places));
    return {
      place,
      local: new Date(at).toISOString().slice(0, 19),
      source: pick(['receipt', 'receipt', 'transaction', 'daily'] as const),
      payment: pick(['cash', 'card']),
      currency: place === 'york' ? pick(['USD', 'JPY']) : 'RUB',
      refund: random() < 0.15,
      totalMinor: lines.reduce((sum, line) => sum + line.amountMinor, 0),
      ndsMinor: whole(100),
      tipsMinor: whole(50),
      discountMinor: whole(30),
      lines,
    };
  });
}
