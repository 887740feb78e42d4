import path from 'node:path';
import { writeOrders } from '../../examples/orders/generate.ts';
import { systemClock } from '../base/clock.ts';
import { localTimeAt } from '../base/time.ts';
import type { Config } from '../config.ts';
import { createRule } from '../customers/tag-rules.ts';
import { importReference } from '../imports/import-reference.ts';
import { readBytes } from '../imports/open-import.ts';
import { runImport } from '../imports/run-import.ts';
import type { Program } from '../start-program.ts';
import { printSummary } from './import.ts';
import { ask } from './print-year.ts';
import { createProgressBar } from './progress-bar.ts';

const orders = 20_000;
const weeks = 8;
const seed = 60;
const tag = 'regular';
/** Guests with more orders than this are regulars. */
const regularOrders = 10;
const shownRestaurants = 5;

const folderOf = (config: Config) => path.join(config.dataDir, 'orders');
export const ordersFile = (config: Config) => path.join(folderOf(config), 'orders.ndjson');

/** Eight weeks of restaurants that end now; a folder that has them already keeps its own. */
export async function loadOrders(program: Program, config: Config, signal: AbortSignal): Promise<void> {
  const { warehouse, jobs } = program;
  const { pool, reference, erased } = warehouse;
  const loaded = await pool.query("select from stg.sale where source = 'order' limit 1");
  if (loaded.rowCount !== 0) return;
  const { defaultTimeZone, productIdScope } = config;
  const out = folderOf(config);
  const ending = localTimeAt(systemClock.nowMs(), defaultTimeZone).slice(0, 19);
  await writeOrders({ out, seed, orders, weeks, ending, withPayments: true });
  const deps = { pool, reference, erased, jobs, clock: systemClock, defaultTimeZone, productIdScope };
  for (const name of ['restaurants', 'users'])
    await importReference(deps, readBytes(path.join(out, `${name}.ndjson`)));
  const rule = { tag, scope: 'total', match: '', metric: 'orders', threshold: regularOrders } as const;
  await createRule({ pool, jobs }, { ...rule, window_days: null, sticky: false, currency: null });
  const bar = createProgressBar(process.stderr);
  const file = ordersFile(config);
  const summary = await runImport(
    { ...warehouse, clock: systemClock, progress: bar.update, signal },
    { file },
  );
  bar.end();
  printSummary(path.relative(process.cwd(), file), summary);
}

const money = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** What the restaurants sold, as the program's own API answers it. */
export async function printOrders(program: Program, token: string, config: Config): Promise<void> {
  const { address } = program;
  const today = localTimeAt(systemClock.nowMs(), config.defaultTimeZone).slice(0, 10);
  const week = Temporal.PlainDate.from(today).subtract({ days: 6 }).toString();
  const [day] = await ask(address, token, `source=order&granularity=total&from=${today}&to=${today}`);
  const thisWeek = `source=order&granularity=total&from=${week}&to=${today}`;
  const places = await ask(
    address,
    token,
    `${thisWeek}&group_by=place&order=-sales&limit=${shownRestaurants}&compare=previous`,
  );
  console.log(`\n60 restaurants, the last ${weeks} weeks
  today so far   ${money.format(day?.net ?? 0)} RUB in ${day?.receipts ?? 0} orders
  best in the last seven days, against the seven before:`);
  for (const row of places) {
    const change = row.change_percent?.sales;
    const shown = change === undefined || change === null ? '' : `  ${change > 0 ? '+' : ''}${change} %`;
    console.log(`    ${(row.place_name ?? '').padEnd(28)} ${money.format(row.net).padStart(14)}${shown}`);
  }
  const { rows } = await program.warehouse.pool.query(
    'select count(*) as guests from ops.customer_tag as t join ops.tag_rule as r on r.rule_id = t.rule_id where t.assigned and r.tag = $1',
    [tag],
  );
  console.log(`  tagged "${tag}" (more than ${regularOrders} orders): ${rows[0].guests} guests`);
}
