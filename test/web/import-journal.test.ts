import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startTestBrowser, type TestBrowser, type WatchedPage, whyNoBrowser } from '../browser.ts';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';

const skip = whyNoBrowser() ?? false;
const pizzaPlace = path.resolve(import.meta.dirname, '../../examples/pizza-place');

describe('the pages Import and Journal', { skip }, () => {
  let tested: TestProgram;
  let browser: TestBrowser;
  before(async () => {
    [tested, browser] = await Promise.all([
      startTestProgram({ DEFAULT_CURRENCY: 'USD' }),
      startTestBrowser(),
    ]);
  });
  after(async () => {
    await browser.stop();
    await tested.stop();
  });

  async function open(address: string): Promise<WatchedPage> {
    const watched = await browser.open();
    await watched.page.goto(`${tested.program.address}/${address}#token=${adminToken}`);
    return watched;
  }
  const file = (name: string, text: string | Buffer) => ({
    name,
    mimeType: 'text/plain',
    buffer: Buffer.from(text),
  });
  const read = (name: string) => file(path.basename(name), readFileSync(name));

  test('the tables of the pizza place are joined, looked at and loaded, a wrong row is marked at its cell', async () => {
    const watched = await open('import');
    const { page } = watched;
    const rows = readFileSync(path.join(pizzaPlace, 'order_details.csv'), 'utf8').split('\n').slice(0, 400);
    const receipts = new Set(rows.slice(1).map((row) => row.split(',')[1])).size;
    rows[7] = rows[7]!.replace(/\d+\r?$/, 'x');
    await watched.assertAccessible();
    await page
      .getByLabel('Choose files')
      .setInputFiles([
        ...['pizzas.csv', 'pizza_types.csv'].map((name) => path.join(pizzaPlace, name)).map(read),
        file('order_details.csv', `${rows.join('\n')}\n`),
        file('orders.csv.gz', gzipSync(readFileSync(path.join(pizzaPlace, 'orders.csv')))),
        read(path.join(pizzaPlace, 'mapping.json')),
      ]);
    await page.getByText('1 document with problems').waitFor();
    assert.equal(await page.locator('.import-cell-wrong').count(), 1);
    assert.match((await page.locator('.import-cell-wrong').textContent()) ?? '', /^x/);
    await watched.assertAccessible();
    // The program goes away, comes back, and the reader stops and goes on.
    watched.allow(/ERR_CONNECTION_REFUSED/);
    const [askedAgain, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let asked = 0;
    await page.route('**/api/imports/parts', async (route) => {
      if (++asked === 1) return await route.abort('connectionrefused');
      askedAgain.resolve();
      if (asked === 2) await held.promise;
      await route.continue().catch(() => {});
    });
    await page.getByRole('button', { name: 'Load what has no problems' }).click();
    await page.getByText('Waiting for the program').waitFor();
    await askedAgain.promise;
    await page.getByRole('button', { name: 'Stop' }).click();
    held.resolve();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('All of it is loaded').waitFor();
    await watched.assertAccessible();
    const problems = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save the problems' }).click();
    const saved = readFileSync((await (await problems).path())!, 'utf8');
    assert.match(saved, /^\ufeffline,.*\r\n\d+,pizza-\d+,rejected,\d+,\/items\/\d\/quantity,/);
    const answer = await tested.call('GET', '/api/analytics/?place_id=pizza-place');
    assert.equal(answer.body.results[0].total_purchases, receipts - 1);

    await page.getByRole('link', { name: 'See them in the journal' }).click();
    await page.getByRole('heading', { name: 'Journal', level: 1 }).waitFor();
    await page
      .getByRole('row', { name: /rejected/ })
      .getByRole('link')
      .click();
    const wrong = page.locator('[aria-invalid="true"]');
    assert.equal(await wrong.inputValue(), 'x');
    await wrong.fill('1');
    await page.getByRole('button', { name: 'Check' }).click();
    // The sum of the items could not be made without it.
    await page.getByRole('button', { name: 'Add total_amount' }).click();
    await page.getByLabel('total_amount').fill('37.25');
    await page.getByRole('button', { name: 'Load the corrected one' }).click();
    await page.getByText('It was loaded again: accepted').waitFor();
    await watched.close();
    watched.assertCalm();
  });

  test('an import that is paused sends nothing until it goes on, and is gone with who signs out', async () => {
    const documents = Array.from({ length: 900 }, (_, index) =>
      JSON.stringify(receipt({ transaction_id: `paused-${index}`, place_id: 'paused' })),
    );
    const watched = await open('import');
    const { page } = watched;
    await page.getByLabel('Choose files').setInputFiles(file('many.ndjson', documents.join('\n')));
    const paused = Promise.withResolvers<void>();
    let parts = 0;
    await page.route('**/api/imports/parts', async (route) => {
      parts += 1;
      await paused.promise;
      await route.continue();
    });
    await page.getByRole('button', { name: 'Load the file' }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    const answered = page.waitForResponse('**/api/imports/parts');
    paused.resolve();
    await answered;
    await page.getByText('Paused').waitFor();
    assert.equal(parts, 1);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('All of it is loaded').waitFor();
    assert.ok(parts > 1, 'there was more to send');
    const answer = await tested.call('GET', '/api/analytics/?place_id=paused');
    assert.equal(answer.body.results[0].total_purchases, documents.length);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').fill(adminToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Choose files').waitFor();
    await watched.close();
    watched.assertCalm();
  });

  test('a rejected receipt is corrected where it is marked, checked, and counts', async () => {
    const { category: _, ...item } = (receipt().items as Record<string, unknown>[])[0]!;
    const wrong = receipt({ transaction_id: 'wrong-1', total_amount: 'much', items: [item] });
    await tested.call('POST', '/api/checks/', wrong);
    const watched = await open('journal');
    const { page } = watched;
    await page.getByRole('heading', { name: 'Journal', level: 1 }).waitFor();
    const steps = await page.evaluate('history.length');
    await page.getByLabel('Id of the sale').pressSequentially('wrong-1');
    await page.waitForURL(/transaction_id=wrong-1/);
    assert.equal(await page.evaluate('history.length'), steps, 'a letter is no step for the back button');
    await page
      .getByRole('row', { name: /wrong-1/ })
      .getByRole('link')
      .click();
    await page.getByRole('button', { name: 'Add category' }).click();
    await page.getByLabel('category').fill('groceries');
    const total = page.getByLabel('total_amount');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('1 problem left').waitFor();
    assert.equal(await total.getAttribute('aria-invalid'), 'true');
    await watched.assertAccessible();
    await total.fill('21.98');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Nothing is wrong with it any more').waitFor();
    await page.getByRole('button', { name: 'Load the corrected one' }).click();
    await page.getByText('It was loaded again: accepted').waitFor();
    await page.getByText('As it counts now: $21.98').waitFor();
    assert.equal((await tested.call('GET', '/api/checks/wrong-1')).body.document.total_amount, 21.98);
    await page.getByRole('link', { name: 'See what it became' }).click();
    await page.getByText('Replays').waitFor();
    await watched.assertAccessible();
    await page.getByRole('link', { name: 'The journal' }).click();
    await page.getByLabel('Verdict').selectOption('Needs attention');
    await page
      .getByRole('row', { name: /accepted/ })
      .first()
      .waitFor({ state: 'detached' });
    await page.getByRole('row', { name: /wrong-1/ }).waitFor();
    await watched.assertAccessible();
    await watched.close();
    watched.assertCalm();
  });

  test('a daily file is shown, sent, and a second one told', async () => {
    const day = (price: string) =>
      `<sales_data date="2024-01-01" place_id="corner"><products><product><id>1</id><name>Milk</name><quantity>3</quantity><price>${price}</price><category>Food</category></product></products></sales_data>`;
    const watched = await open('import');
    const { page } = watched;
    watched.allow(/409/);
    await page.getByLabel('Choose files').setInputFiles(file('day.xml', day('1.50')));
    await page.getByRole('cell', { name: 'Milk' }).waitFor();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('Jan 1, 2024 at corner').waitFor();
    await page.getByRole('button', { name: 'Another file' }).click();
    await page.getByLabel('Choose files').setInputFiles(file('day.xml', day('1.75')));
    await page.getByRole('cell', { name: '1.75' }).waitFor();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').waitFor();
    await watched.assertAccessible();
    await page.getByLabel('Correct days that were sent before').check();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('Corrected').waitFor();
    await watched.close();
    watched.assertCalm();
  });
});
