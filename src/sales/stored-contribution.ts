import { type Contribution, type ProductRow, severalCategories } from './contribution.ts';

/** The format in which most sales stand in the journal; `Contribution` itself is formats 1 and 2. */
const packedFormat = 3;

/**
 * What readers ask a journal row for, and the rest as two PostgreSQL arrays, which take half the time to be written and
 * to be folded. `n`: hour, at, nds, tips, discount, the sum of the quantities, how many categories there are, quantity and
 * amount of each; of each product the number of its category (0: several), quantity, amount, receipts. `t`: payment,
 * the categories, the products.
 */
type PackedContribution = Pick<
  Contribution,
  'sign' | 'place' | 'date' | 'got' | 'source' | 'currency' | 'customer' | 'total'
> & { f: typeof packedFormat; refund?: 1; n: string; t: string };

export type StoredContribution = Contribution | PackedContribution;

/**
 * Categories and products of one sale: an array in which a text is looked up by counting is slow when it is long. May be
 * raised, never lowered, since the fold reads no more.
 */
export const mostTexts = 200;
const fixedNumbers = 7;
type Fixed = [
  hour: number,
  at: number,
  nds: number,
  tips: number,
  discount: number,
  units: number,
  categories: number,
];

/** As it is stored in the journal: the JSON of an array, `undefined` where nothing is counted. */
export function contributionsText(signed: readonly Contribution[]): string | undefined {
  return signed.length === 0 ? undefined : JSON.stringify(signed.map(packed));
}

function packed(one: Contribution): StoredContribution {
  const { categories, products } = one;
  if (one.f !== 1 || categories.length + products.length > mostTexts) return one;
  const texts = [one.payment];
  const numbers = [one.hour, one.at, one.nds, one.tips, one.discount, 0, categories.length];
  let units = 0;
  for (const [category, quantity, amount] of categories) {
    texts.push(category);
    numbers.push(quantity, amount);
    units += quantity;
  }
  numbers[5] = units;
  for (const [product, category, quantity, amount, receipts] of products) {
    const number = category === severalCategories ? 0 : texts.indexOf(category, 1);
    texts.push(product);
    numbers.push(number, quantity, amount, receipts);
  }
  const text = JSON.stringify(texts);
  // Of JSON's escapes an array of PostgreSQL knows those of quotes and backslashes alone.
  if (/\\[^"\\]/.test(text)) return one;
  const { sign, place, date, got, source, currency, total } = one;
  const stored: PackedContribution = {
    f: packedFormat,
    sign,
    place,
    date,
    got,
    source,
    currency,
    total,
    n: `{${JSON.stringify(numbers).slice(1, -1)}}`,
    t: `{${text.slice(1, -1)}}`,
  };
  if (one.refund === 1) stored.refund = 1;
  if (one.customer !== undefined) stored.customer = one.customer;
  return stored;
}

/** A contribution as the journal has it, in whichever format. */
export function readContribution(stored: StoredContribution): Contribution {
  if (stored.f !== packedFormat) return stored as Contribution;
  const { n, t, refund = 0, ...kept } = stored as PackedContribution;
  const numbers = JSON.parse(`[${n.slice(1, -1)}]`) as number[];
  const texts = JSON.parse(`[${t.slice(1, -1)}]`) as string[];
  const [hour, at, nds, tips, discount, , count] = numbers as Fixed;
  const categories: Contribution['categories'] = [];
  for (let index = 0; index < count; index++) {
    const from = fixedNumbers + 2 * index;
    categories.push([texts[1 + index]!, numbers[from]!, numbers[from + 1]!]);
  }
  const products: ProductRow[] = [];
  for (let text = 1 + count, from = fixedNumbers + 2 * count; text < texts.length; text++, from += 4) {
    const number = numbers[from]!;
    const category = number === 0 ? severalCategories : texts[number]!;
    products.push([texts[text]!, category, numbers[from + 1]!, numbers[from + 2]!, numbers[from + 3]!]);
  }
  return { ...kept, f: 1, refund, hour, at, payment: texts[0]!, nds, tips, discount, categories, products };
}

/** What a journal row puts in; null where it only takes out. */
export function putIn(stored: readonly StoredContribution[] | null): Contribution | null {
  const found = stored?.find((entry) => entry.sign === 1);
  return found === undefined ? null : readContribution(found);
}
