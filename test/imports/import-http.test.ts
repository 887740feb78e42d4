import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { adminToken, receipt, startTestProgram, type TestProgram } from '../program.ts';

const pizzaPlace = path.resolve(import.meta.dirname, '../../examples/pizza-place');
const read = (name: string) => readFileSync(path.join(pizzaPlace, name));

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram({ DEFAULT_CURRENCY: 'USD' });
});
after(() => tested.stop());

type Fields = Record<string, string | Buffer | [name: string, bytes: Buffer][]>;

async function send(route: string, fields: Fields, token = adminToken) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value))
      for (const [file, bytes] of value) form.append(name, new Blob([new Uint8Array(bytes)]), file);
    else if (typeof value === 'string') form.append(name, value);
    else form.append(name, new Blob([new Uint8Array(value)]), name);
  }
  const response = await fetch(`${tested.program.address}/api/imports/${route}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: form,
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

/** As the dashboard sends a file: the head, then what follows the last answer. */
async function sendAll(file: Buffer, fields: Fields, headBytes: number, pieceBytes: number) {
  const verdicts: Record<string, number> = {};
  const troubles: { line: number; position: string }[] = [];
  let done = headBytes;
  let line: string | undefined;
  let size = pieceBytes;
  while (done < file.length) {
    const isLast = done + size >= file.length;
    const part = Buffer.concat([file.subarray(0, headBytes), file.subarray(done, done + size)]);
    const { status, body } = await send('parts', {
      ...{ ...fields, file: part, last: String(isLast) },
      ...(line === undefined ? {} : { line }),
    });
    if (status === 422 && /send more at once/.test(body.detail)) {
      size *= 2;
      continue;
    }
    assert.equal(status, 200, JSON.stringify(body));
    for (const [verdict, count] of Object.entries(body.verdicts))
      verdicts[verdict] = (verdicts[verdict] ?? 0) + (count as number);
    troubles.push(...body.troubles);
    done += body.done_bytes - headBytes;
    line = String(body.next_line);
  }
  return { verdicts, troubles };
}

const lookup: [string, Buffer][] = ['orders.csv', 'pizzas.csv', 'pizza_types.csv'].map((name) => [
  name,
  read(name),
]);

test('the files of the pizza place join by themselves, and their parts add up to what the command loads', async () => {
  const file = read('order_details.csv').subarray(0, 20_000);
  const whole = file.subarray(0, file.lastIndexOf('\n') + 1);
  const preview = (await send('preview', { file: whole.subarray(0, 4_000), lookup })).body;
  assert.equal(preview.kind, 'csv');
  assert.deepEqual(preview.mapping_errors, []);
  const { mapping } = preview;
  assert.deepEqual(mapping.lookup, {
    orders: { file: 'orders.csv', key: 'order_id' },
    pizzas: { file: 'pizzas.csv', key: 'pizza_id' },
    pizza_types: {
      file: 'pizza_types.csv',
      key: 'pizza_type_id',
      by: 'pizzas.pizza_type_id',
      encoding: 'latin1',
    },
  });
  assert.equal(mapping.group_by, 'order_id');
  assert.equal(preview.documents.length, 20);
  assert.deepEqual(preview.documents[0].problems, []);
  assert.deepEqual(preview.documents[1].document.items.length, 5);

  const fields = { mapping: JSON.stringify(mapping), lookup, place_id: 'pizza-place' };
  const receipts = new Set(
    whole
      .toString()
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split(',')[1]),
  );
  const first = await sendAll(whole, fields, preview.head_bytes, 7_000);
  assert.deepEqual(first, { verdicts: { accepted: receipts.size }, troubles: [] });
  const again = await sendAll(whole, fields, preview.head_bytes, 11_111);
  assert.deepEqual(again.verdicts, { duplicate: receipts.size });

  const prices = new Map(
    read('pizzas.csv')
      .toString()
      .trim()
      .split('\n')
      .map((row) => [row.split(',')[0], row.split(',')[3]]),
  );
  let cents = 0;
  for (const row of whole.toString().trim().split('\n').slice(1)) {
    const [, , pizza, quantity] = row.split(',');
    cents += Math.round(Number(prices.get(pizza)) * 100) * Number(quantity);
  }
  const sales = await tested.call('GET', '/api/analytics/?place_id=pizza-place');
  const [figures] = sales.body.results;
  assert.equal(figures.total_purchases, receipts.size);
  assert.equal(Math.round(figures.net * 100), cents);
});

const mapping = {
  source: 'receipt',
  delimiter: ';',
  group_by: 'receipt',
  receipt: {
    transaction_id: { column: 'receipt' },
    timestamp: { column: 'at', date: 'DD.MM.YYYY HH:mm' },
    place_id: { const: 'corner' },
    total_amount: { sum: 'items' },
    nds_amount: { const: 0 },
    payment_method: { const: 'cash' },
  },
  items: {
    product_id: { column: 'sku' },
    quantity: { column: 'qty' },
    price: { column: 'price', decimal: ',' },
    category: { const: 'food' },
  },
};
const header = 'receipt;at;sku;qty;price\n';
const csv = [
  'a-1;07.02.2024 12:34;milk;1;1,50',
  'a-1;07.02.2024 12:34;bread;2;2,00',
  'a-2;yesterday;milk;one;1,50',
  'a-3;07.02.2024 12:40;milk;-1;1,50',
  'a-x;07.02.2024 12:40;milk;1;1,50',
  'a-4;07.02.2024 12:41;"milk;1;1,50',
  'a-5;07.02.2024 12:42;milk;1;1,50',
];
const file = Buffer.from(`${header}${csv.join('\n')}\n`);

test('what is wrong is told by its pointer before anything is sent, and kept in the journal to be corrected', async () => {
  const form = { file, mapping: JSON.stringify(mapping), last: 'true' };
  const preview = (await send('preview', form)).body;
  const problemsOf = (line: number) => preview.documents.find((one: { line: number }) => one.line === line);
  assert.deepEqual(
    problemsOf(4).problems.map((one: { pointer: string }) => one.pointer),
    ['/timestamp'],
  );
  assert.equal(problemsOf(4).document.timestamp, 'yesterday');
  assert.equal(problemsOf(5).problems[0].pointer, '/items/0/quantity');
  assert.equal((await tested.call('GET', '/api/journal?place_id=corner')).body.results.length, 0);

  const loaded = (await send('parts', form)).body;
  assert.equal(loaded.done_bytes, file.length);
  assert.equal(loaded.verdicts.accepted, 1);
  const undated = loaded.troubles.find((one: { line: number }) => one.line === 4);
  assert.equal(undated.transaction_id, 'a-2');
  const kept = (await tested.call('GET', `/api/journal/${undated.position}`)).body;
  assert.equal(kept.verdict, 'rejected');
  assert.equal(kept.document.timestamp, 'yesterday');
  assert.deepEqual(kept.problems, undated.errors);
  const unreadable = loaded.troubles.find((one: { line: number }) => one.line === 7);
  assert.match(unreadable.errors[0].message, /^line 7: a cell opens a quote/);
  const row = (await tested.call('GET', `/api/journal/${unreadable.position}`)).body;
  assert.equal(row.text, `${csv[5]}\n`);

  // A receipt beside it is as whole as it would be without that row, and is one replay away.
  const beside = loaded.troubles.find((one: { line: number }) => one.line === 6);
  assert.equal(beside.transaction_id, 'a-x');
  assert.equal(
    (await tested.call('POST', `/api/journal/${beside.position}/replay`)).body.results[0].verdict,
    'accepted',
  );

  const document = {
    ...kept.document,
    timestamp: '2024-02-07T12:35',
    items: [{ ...kept.document.items[0], quantity: 1 }],
    total_amount: 1.5,
  };
  const checked = await tested.call('POST', `/api/journal/${undated.position}/check`, {
    document: { ...document, total_amount: 'x' },
  });
  assert.equal(checked.body.valid, false);
  assert.deepEqual(
    checked.body.errors.map((one: { pointer: string }) => one.pointer),
    ['/total_amount'],
  );
  assert.equal(
    (await tested.call('POST', `/api/journal/${undated.position}/check`, { document })).body.valid,
    true,
  );
  const replayed = await tested.call('POST', `/api/journal/${undated.position}/replay`, { document });
  assert.equal(replayed.body.results[0].verdict, 'accepted');
  assert.deepEqual(await tested.audit(), []);
});

test('parts of any size make the same documents on the same lines', async () => {
  const rows = Array.from(
    { length: 300 },
    (_, index) => `p-${index >> 1};07.02.2024 12:34;milk;${index === 77 ? 'x' : 1};1,50`,
  );
  const many = Buffer.from(`\ufeff${header}${rows.join('\r\n')}`);
  const fields = { mapping: JSON.stringify(mapping) };
  const head = (await send('preview', { file: many.subarray(0, 500), ...fields })).body.head_bytes;
  assert.equal(head, Buffer.byteLength(`\ufeff${header}`));
  for (const [size, verdict] of [
    [150, 'accepted'],
    [4_000, 'duplicate'],
  ] as const) {
    const { verdicts, troubles } = await sendAll(many, fields, head, size);
    assert.deepEqual(verdicts, { [verdict]: 149, rejected: 1 });
    assert.deepEqual(
      troubles.map(({ line }) => line),
      [78],
    );
  }
});

test('NDJSON and arrays go part by part too', async () => {
  const documents = Array.from({ length: 40 }, (_, index) =>
    receipt({ transaction_id: `n-${index}`, place_id: 'lines' }),
  );
  const lines = Buffer.from(documents.map((one) => `${JSON.stringify(one)}\n`).join(''));
  assert.deepEqual((await sendAll(lines, {}, 0, 1_500)).verdicts, { accepted: 40 });
  const array = Buffer.from(` ${JSON.stringify(documents, null, 1)}\n`);
  const preview = (await send('preview', { file: array.subarray(0, 3_000) })).body;
  assert.deepEqual([preview.kind, preview.head_bytes, preview.documents[0].line], ['array', 2, 2]);
  assert.deepEqual((await sendAll(array, {}, 2, 1_500)).verdicts, { duplicate: 40 });
});

test('a file whose receipts are scattered is refused before anything of it is sent', async () => {
  const check = (body: string) =>
    tested.call('POST', '/api/imports/check?group_by=id', body, { 'content-type': 'text/csv' });
  assert.equal((await check('id,p\n1,a\n1,b\n2,a\n')).status, 200);
  const refused = await check('id,p\n1,a\n2,b\n1,a\n');
  assert.equal(refused.status, 422);
  assert.equal(refused.body.code, 'not_importable');
  assert.match(refused.body.detail, /line 4: id "1" came before/);
});

test('a bound token loads its own place only, and nobody without the role loads anything', async () => {
  const tokenOf = async (body: object) =>
    (await tested.call('POST', '/api/tokens/', { name: 't', ...body })).body.secret;
  const bound = await tokenOf({ roles: ['collector'], place_id: 'lines' });
  const line = (place: string) =>
    Buffer.from(JSON.stringify(receipt({ transaction_id: `b-${place}`, place_id: place })));
  const own = await send('parts', { file: line('lines'), last: 'true' }, bound);
  assert.deepEqual(own.body.verdicts, { accepted: 1 });
  const foreign = await send('parts', { file: line('corner'), last: 'true' }, bound);
  assert.equal(foreign.body.troubles[0]?.errors[0].code, 'foreign_place', JSON.stringify(foreign.body));
  assert.equal((await send('parts', { file: line('lines'), place_id: 'corner' }, bound)).status, 403);
  assert.equal((await send('preview', { file }, await tokenOf({ roles: ['analyst'] }))).status, 403);
});

test('a form that cannot be used says what to do', async () => {
  assert.match((await send('parts', { file })).body.detail, /needs a mapping/);
  assert.match((await send('parts', { file, mapping: '{' })).body.detail, /mapping is not JSON/);
  assert.match((await send('parts', { file, mapping: '{}' })).body.detail, /mapping is not right/);
  assert.match((await send('parts', { last: 'true' })).body.detail, /as "file"/);
  const looked = { ...mapping, lookup: { sku: { file: 'skus.csv', key: 'sku' } } };
  assert.match(
    (await send('parts', { file, mapping: JSON.stringify(looked) })).body.detail,
    /send that file too/,
  );
  const large = await send('parts', { file: Buffer.alloc(25 * 1024 * 1024, 'a') });
  assert.equal(large.status, 413);
});

test('users and restaurants, by whoever may change them', async () => {
  const lines = '{"_id":"u-1","name":"Ann","login":"ann"}\n{"_id":7}\n';
  const answer = await tested.call('POST', '/api/imports/reference', lines, {
    'content-type': 'application/x-ndjson',
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.deepEqual([answer.body.user, answer.body.rejected, answer.body.troubles[0].line], [1, 1, 2]);
  const bad =
    '{"_id":"u-2","name":"\\ud800"}\n{"_id":"u-3","name":"a\\\\u0000"}\n{"_id":"u-4","name":"\\u0000"}\n';
  const halves = await tested.call('POST', '/api/imports/reference', bad, {
    'content-type': 'application/x-ndjson',
  });
  assert.equal(halves.status, 200, JSON.stringify(halves.body));
  assert.equal(halves.body.user, 1, 'text that only looks like an escaped NUL is text');
  assert.deepEqual(halves.body.troubles, [
    { line: 1, reason: '/name holds half of a surrogate pair' },
    { line: 3, reason: '/name holds a NUL character' },
  ]);
});
