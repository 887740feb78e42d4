import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fileOf, problemsOf, productOf, type ReadDaily, readDaily } from './daily-reading.ts';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
console.log(`SEED=${seed}`);

const accepted = (read: ReadDaily) => {
  assert.equal(read.outcome.verdict, 'accepted', JSON.stringify(read.outcome.problems));
  return read;
};

test('the file of the documentation', async () => {
  const { file, lines, bytes } = accepted(await readDaily(fileOf(productOf())));
  assert.equal(bytes.toString(), fileOf(productOf()));
  const { contentHash: _content, canonicalHash: _canonical, receivedAtMs: _received, ...rest } = file!;
  assert.deepEqual(rest, {
    placeId: 'unknown',
    date: '2024-01-01',
    currency: 'RUB',
    products: 1,
    totalMinor: 15_000_000,
    unitsMilli: 100_000,
  });
  assert.deepEqual(lines, [
    {
      number: 1,
      productId: '1',
      name: 'Product A',
      category: 'Electronics',
      quantityMilli: 100_000,
      priceMinor: 150_000,
      amountMinor: 15_000_000,
    },
  ]);
});

test('the place comes from the file, else from the token, else from the configuration; its currency holds', async () => {
  const places = { here: { currency: 'JPY' }, there: { currency: 'KWD' } };
  const named = 'date="2024-01-01" place_id=" here "';
  const yen = accepted(await readDaily(fileOf(productOf({ price: '12' }), named), { places }));
  assert.deepEqual([yen.file!.placeId, yen.file!.currency, yen.file!.totalMinor], ['here', 'JPY', 1_200]);
  const resolved = { placeId: 'there', currency: 'RUB', timeZone: 'UTC' };
  const dinar = accepted(await readDaily(fileOf(productOf({ price: '0.125' })), { places, resolved }));
  assert.deepEqual([dinar.file!.placeId, dinar.file!.totalMinor], ['there', 12_500]);
  const foreign = await readDaily(fileOf(productOf(), named), { resolved, boundPlaceId: 'there' });
  assert.deepEqual(problemsOf(foreign), ['1 /@place_id foreign_place']);
  assert.equal(foreign.refused!.placeId, undefined);
  const sums = accepted(await readDaily(fileOf(productOf({ quantity: '0.333', price: '0.05' }))));
  assert.equal(sums.file!.totalMinor, 2, '0.333 × 5 kopecks is 1.665, rounded half up');
});

test('white space, comments, CDATA, references and unknown fields are no trouble', async () => {
  const spelt = `<?xml version="1.0"?>
    <!-- till 7 --><?till 7?>
    <sales_data date="2024-01-01" till="7">
      <made_by><who>me</who></made_by>
      <products>
        <product extra="1">
          <price> 1500.0 </price><id>
            1 </id><quantity>100<!-- pieces -->.000</quantity><colour><hue>red</hue></colour>
          <name>A &amp; <![CDATA[<B>]]> &#x43F;</name><category>&quot;E&quot;</category>
        </product>
      </products>
    </sales_data>
  `;
  const { lines } = accepted(await readDaily(spelt));
  assert.deepEqual(
    [lines[0]!.productId, lines[0]!.name, lines[0]!.category, lines[0]!.amountMinor],
    ['1', 'A & <B> п', '"E"', 15_000_000],
  );
});

test('the canonical hash is that of the values: spelling does not change it, everything else does', async () => {
  const hash = async (body: string) => accepted(await readDaily(body)).file!.canonicalHash.toString('hex');
  const plain = await hash(fileOf(productOf()));
  const same = [
    fileOf(productOf({ price: '1500', quantity: '100.0' })),
    fileOf(productOf({ price: ' 1500.000 ' })).replace('><products', '>\n<products'),
    fileOf(productOf({ name: 'Product &#65;' })),
    fileOf(productOf(), 'place_id="unknown" date="2024-01-01"'),
    fileOf(
      '<product><category>Electronics</category><name>Product A</name><price>1500.00</price><quantity>100</quantity><id>1</id></product>',
    ),
  ];
  for (const body of same) assert.equal(await hash(body), plain, body);
  const other = [
    fileOf(productOf({ price: '1500.01' })),
    fileOf(productOf({ name: 'Product B' })),
    fileOf(productOf({ category: 'electronics' })),
    fileOf(productOf({ colour: 'red' })),
    fileOf(productOf() + productOf()),
    fileOf(productOf(), 'date="2024-01-01" till="7"'),
    fileOf(productOf(), 'date="2024-01-02"'),
    fileOf(productOf(), 'date="2024-01-01" place_id="x"'),
  ];
  const hashes = await Promise.all(other.map(hash));
  assert.equal(new Set([plain, ...hashes]).size, other.length + 1);
});

test('however a file is cut into pieces, it reads the same', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isUsable);
  const product = fc.record({ id: text, name: text, category: text, quantity: fc.integer({ min: 1 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(product, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 300 }),
      async (products, pieceBytes) => {
        const body = fileOf(
          products
            .map(({ id, name, category, quantity }) =>
              productOf({
                id: escaped(id),
                name: escaped(name),
                category: escaped(category),
                quantity: String((quantity % 10 ** 8) / 1000 + 1),
                price: '0.01',
              }),
            )
            .join('\r\n'),
        );
        const whole = accepted(await readDaily(body));
        const cut = accepted(await readDaily(body, { pieceBytes }));
        assert.deepEqual([cut.lines, cut.file], [whole.lines, whole.file]);
        const kept = whole.lines.map((line) => [line.productId, line.name, line.category]);
        assert.deepEqual(
          kept,
          products.map(({ id, name, category }) => [id, name, category]),
        );
      },
    ),
    { seed, numRuns: 60 },
  );
});

/** Texts that come back as they were: no character XML forbids, none it normalizes, no space around. */
function isUsable(text: string): boolean {
  return (
    text.isWellFormed() &&
    text.trim() === text &&
    /^[\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]+$/u.test(text)
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
