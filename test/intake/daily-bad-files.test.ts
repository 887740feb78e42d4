import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DailyXmlReader } from '../../src/intake/read-daily-xml.ts';
import { fileOf, problemsOf, productOf, readDaily } from './daily-reading.ts';

const problems = async (body: string | Buffer) => problemsOf(await readDaily(body));

test('every bad product is named by its number, its field and its line', async () => {
  const products = [
    productOf(),
    productOf({ price: '1500,00', quantity: '0' }),
    productOf({ id: undefined, name: ' ', category: '' }),
    productOf({ quantity: '1.2345', price: '-1' }),
    productOf({ price: '0.001', quantity: '1000000' }),
    productOf({ id: 'x'.repeat(257), category: 'ё'.repeat(257), name: 'x'.repeat(1001) }),
    productOf({ quantity: '999999', price: '9999999' }),
    `<product><id>1</id><id>2</id><name>A</name><quantity>one</quantity><price/><category>c</category>\n</product>`,
  ];
  const read = await readDaily(fileOf(`\n${products.join('\n')}`));
  assert.deepEqual(problemsOf(read), [
    '3 /products/product/2/quantity not_positive',
    '3 /products/product/2/price not_a_number',
    '4 /products/product/3/id missing',
    '4 /products/product/3/name empty',
    '4 /products/product/3/category empty',
    '5 /products/product/4/quantity too_many_decimals',
    '5 /products/product/4/price negative',
    '6 /products/product/5/quantity out_of_range',
    '6 /products/product/5/price too_many_decimals',
    '7 /products/product/6/id too_long',
    '7 /products/product/6/name too_long',
    '7 /products/product/6/category too_long',
    '8 /products/product/7/quantity out_of_range',
    '9 /products/product/8/id repeated',
    '9 /products/product/8/quantity not_a_number',
    '9 /products/product/8/price empty',
  ]);
  assert.equal(
    read.outcome.problems[1]!.message,
    'line 3, product 2: "1500,00" is not a decimal number such as 1500.00',
  );
  assert.equal(read.lines.length, 0, 'no product of a file with problems is stored');
  assert.deepEqual([read.refused!.date, read.refused!.placeId], ['2024-01-01', 'unknown']);
});

test('a thousand problems are listed, the rest is counted', async () => {
  const read = await readDaily(fileOf(productOf({ price: 'x', quantity: 'y' }).repeat(700)));
  assert.equal(read.outcome.problems.length, 1_001);
  assert.deepEqual(read.outcome.problems.at(-1), {
    pointer: '/products',
    code: 'more_problems',
    message: '400 more problems are not listed; 700 products have problems in all',
  });
});

test('the date and the place', async () => {
  const of = (attributes: string) => problems(fileOf(productOf(), attributes));
  assert.deepEqual(await of(''), ['1 /@date missing']);
  for (const date of ['2024-02-30', '2024-1-1', '01.01.2024', '', '2024-01-01T00:00:00'])
    assert.deepEqual(await of(`date="${date}"`), ['1 /@date invalid_date'], date);
  for (const date of ['1999-12-31', '2024-06-18', '9999-12-31'])
    assert.deepEqual(await of(`date="${date}"`), ['1 /@date timestamp_out_of_range'], date);
  assert.deepEqual(await of('date="2024-06-17"'), []);
  assert.deepEqual(await of('date="2024-01-01" place_id=" "'), ['1 /@place_id empty']);
  assert.deepEqual(await of(`date="2024-01-01" place_id="${'ё'.repeat(257)}"`), ['1 /@place_id too_long']);
  // What is wrong with the products is told too.
  assert.deepEqual(await problems(fileOf(productOf({ price: '' }), 'date="x"')), [
    '1 /@date invalid_date',
    '1 /products/product/1/price empty',
  ]);
});

test('what is not the format is refused where it stands', async () => {
  const expected: Record<string, string> = {
    [fileOf('')]: '- /products empty_items',
    '<sales_data date="2024-01-01"/>': '- /products missing',
    '<sales date="2024-01-01"><products/></sales>': '1  wrong_root',
    '<x:sales_data xmlns:x="u" date="2024-01-01"/>': '1  wrong_root',
    '<sales_data date="2024-01-01">\n<product/></sales_data>': '2  wrong_nesting',
    '<sales_data date="2024-01-01"><products/><products/></sales_data>': '1  wrong_nesting',
    '<sales_data date="2024-01-01"><a><products/></a></sales_data>': '1  wrong_nesting',
    '<sales_data date="2024-01-01"><sales_data/></sales_data>': '1  wrong_nesting',
    [fileOf('\n<prodct><id>1</id></prodct>')]: '2  wrong_nesting',
    [fileOf(`\n${productOf()}free text`)]: '2  wrong_nesting',
    [fileOf(productOf({ name: 'a<b>c</b>' }))]: '1  wrong_nesting',
    [fileOf(productOf({ more: productOf() }))]: '1  wrong_nesting',
    [fileOf(productOf({ deep: '<a>'.repeat(20) + '</a>'.repeat(20) }))]: '1  too_deep',
    '': '-  empty_file',
    ' \n ': '-  empty_file',
    '{"date": "2024-01-01"}': '1  not_well_formed',
    '<sales_data date="2024-01-01"><products></product></sales_data>': '1  not_well_formed',
    '<sales_data date=2024-01-01/>': '1  not_well_formed',
    '<sales_data date="2024-01-01" date="2024-01-02"/>': '1  not_well_formed',
    [`${fileOf(productOf())}\n<again/>`]: '2  not_well_formed',
    [`\n<?xml version="1.0"?>${fileOf(productOf())}`]: '2  not_well_formed',
  };
  for (const [body, problem] of Object.entries(expected))
    assert.deepEqual(await problems(body), [problem], body.slice(0, 200));
});

test('a file that was cut off anywhere is told so, or at least never taken', async () => {
  const whole = fileOf(`\n${productOf()}\n${productOf({ id: '2' })}\n`);
  for (let length = 1; length < whole.length; length++) {
    const read = await readDaily(whole.slice(0, length));
    assert.equal(read.outcome.verdict, 'rejected', `${length} characters`);
    const { code } = read.outcome.problems.at(-1)!;
    assert.ok(['truncated', 'not_well_formed'].includes(code), `${length}: ${code}`);
  }
  const cut = await readDaily(whole.slice(0, -'</product>\n</products></sales_data>'.length));
  assert.match(
    cut.outcome.problems[0]!.message,
    /^line 3: the file ends inside <product>, which began in line 3: it was cut off; send it whole$/,
  );
});

test('a file over the limit is refused at the first byte too many, its beginning kept', async () => {
  const body = fileOf(productOf().repeat(100));
  assert.deepEqual(problemsOf(await readDaily(body, { maximumBytes: body.length })), []);
  const over = await readDaily(body, { maximumBytes: body.length - 1, pieceBytes: 1000 });
  assert.deepEqual(problemsOf(over), ['1  body_too_large']);
  assert.equal(over.refused!.head.toString(), body.slice(0, 4096));
});

test('one element in many pieces is too long, and not gathered', async () => {
  const name = `${'x'.repeat(60_000)}<!-- -->`.repeat(20);
  const read = await readDaily(fileOf(productOf({ name })));
  assert.deepEqual(problemsOf(read), ['1 /products/product/1/name too_long']);
  let kept = 0;
  const reader = new DailyXmlReader({
    root: () => {},
    unknown: () => {},
    product: ({ fields }) => {
      kept = fields.get('name')!.text.length;
    },
  });
  reader.write(fileOf(productOf({ name })));
  assert.ok(kept > 1_000 && kept < 100_000, String(kept));
});

test('document types and entities are refused, whatever they would stand for', async () => {
  const laughs = Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join(
    '',
  );
  const bombs = [
    `<!DOCTYPE sales_data [<!ENTITY l0 "lol">${laughs}]>${fileOf(productOf({ name: '&l9;' }))}`,
    `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${fileOf(productOf({ name: '&e;' }))}`,
    `<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">${fileOf(productOf())}`,
    `<!DOCTYPE sales_data>${fileOf(productOf())}`,
    `<!DOCTYPE x [<!ENTITY a "${'a'.repeat(200_000)}">]>${fileOf(productOf())}`,
  ];
  for (const body of bombs) assert.deepEqual(await problems(body), ['1  dtd_refused'], body.slice(0, 80));
  for (const entity of ['e', 'nbsp', 'toString', '__proto__', 'constructor', 'l9'])
    assert.deepEqual(
      await problems(fileOf(productOf({ name: `&${entity};` }))),
      ['1  entity_refused'],
      entity,
    );
});

test('characters that nothing can store are refused', async () => {
  const named = (name: string) => problems(fileOf(`\n${productOf({ name })}`));
  assert.deepEqual(await named('a\u0000b'), ['2  nul_character']);
  for (const reference of ['&#0;', '&#xD800;', '&#xFFFE;', '&#x110000;'])
    assert.deepEqual(await named(reference), ['2  invalid_character'], reference);
  assert.deepEqual(await named('a\u0001b'), ['2  not_well_formed']);
  // A lone surrogate cannot be written in UTF-8; these are the bytes that some write for it.
  const surrogate = Buffer.from(fileOf(productOf({ name: 'ABC' })));
  surrogate.set([0xed, 0xa0, 0x80], surrogate.indexOf('ABC'));
  assert.deepEqual(await problems(surrogate), ['-  invalid_encoding']);
});
