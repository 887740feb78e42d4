/** Loads generated daily files into the database of the first argument; prints what memory they took. */
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { createMetrics } from '../../src/base/metrics.ts';
import { readConfig } from '../../src/config.ts';
import { loadDailyFile } from '../../src/intake/load-daily-file.ts';
import { openDailyStore, openWarehouse } from '../../src/open-warehouse.ts';

const [databaseUrl, ...asked] = process.argv.slice(2) as [string, ...string[]];
const mebibyte = 1024 * 1024;
const begin = Buffer.from('<sales_data date="2024-01-01" place_id="large"><products>');
const end = Buffer.from('</products></sales_data>');

/** The same bytes again and again, up to so many. */
function* repeat(start: string, piece: string, bytes: number): Generator<Buffer> {
  yield Buffer.from(start);
  const block = Buffer.from(piece.repeat(Math.ceil(mebibyte / piece.length)));
  for (let sent = 0; sent < bytes; sent += block.length) yield block;
}

function* products(bytes: number): Generator<Buffer> {
  yield begin;
  const name = 'n'.repeat(900);
  for (let sent = 0, number = 1; sent < bytes; ) {
    const block = Array.from({ length: 100 }, () => {
      const id = `product-${number++}`;
      return `<product><id>${id}</id><name>${name}</name><quantity>1</quantity><price>2.50</price><category>c${number % 50}</category></product>\n`;
    });
    const text = Buffer.from(block.join(''));
    sent += text.length;
    yield text;
  }
  yield end;
}

const gibibyte = 1024 * mebibyte;
const opening = '<sales_data date="2024-01-01"><products><product>';
const kinds: Record<string, () => Generator<Buffer>> = {
  products: () => products(100 * mebibyte),
  text: () => repeat(`${opening}<name>`, 'x', gibibyte),
  spaces: () => repeat(opening, ' ', gibibyte),
  tag: () => repeat('<', 'x', gibibyte),
  attribute: () => repeat('<sales_data date="', 'x', gibibyte),
  attributes: () => repeat('<sales_data ', 'x="" ', gibibyte),
  comment: () => repeat('<!--', 'x', gibibyte),
  cdata: () => repeat(`${opening}<name><![CDATA[`, 'x', gibibyte),
  instruction: () => repeat('<?x ', 'x', gibibyte),
  dtd: () => repeat('<!DOCTYPE x [', '<!ENTITY a "a">', gibibyte),
  nesting: () => repeat('<sales_data date="2024-01-01">', '<a>', gibibyte),
  zeros: () => repeat(opening, '\0', gibibyte),
};

const config = readConfig({ DATABASE_URL: databaseUrl, LOG_LEVEL: 'silent' });
const log = createLog('silent');
const metrics = createMetrics();
const warehouse = await openWarehouse({ config, log, metrics, applicationName: 'large', followers: false });
const store = openDailyStore(warehouse, { config, log, metrics });
const before = process.memoryUsage.rss();
let highest = before;
const timer = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage.rss());
}, 20);
const loaded: { kind: string; verdict: string; codes: string[] }[] = [];
for (const kind of asked) {
  const { verdict, problems } = await loadDailyFile(
    { store, reference: warehouse.reference, config, clock: systemClock },
    kinds[kind]!() as unknown as AsyncIterable<Buffer>,
    { contentType: 'application/xml', resolved: warehouse.resolvedDefaults, replace: false },
  );
  loaded.push({ kind, verdict, codes: problems.map((problem) => problem.code) });
}
clearInterval(timer);
highest = Math.max(highest, process.memoryUsage.rss());
await warehouse.close();
console.log(JSON.stringify({ loaded, grownMebibytes: Math.round((highest - before) / mebibyte) }));
