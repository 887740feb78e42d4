import { resolveTime } from '../base/time.ts';
import type { Line, Sale } from './sale.ts';

/** `cdm.contribution_rows` reads every one there has been: 2 daily files, 3 as most are stored (`stored-contribution.ts`). */
const contributionFormat = 1;

/**
 * What one sale adds to the marts. Short member names: a copy stands in every journal row. Money in minor units,
 * quantity in thousandths, instants in seconds since the epoch.
 */
export type Contribution = {
  /** Format. */
  f: number;
  /** 1 put in, −1 taken out. */
  sign: 1 | -1;
  refund: 0 | 1;
  place: string;
  /** Business date. */
  date: string;
  /** When the local hour of the sale starts. */
  hour: number;
  /** The sale itself. */
  at: number;
  /** Its arrival. */
  got: number;
  source: string;
  payment: string;
  currency: string;
  customer?: string;
  total: number;
  nds: number;
  tips: number;
  discount: number;
  /** Per category: name, quantity, amount. */
  categories: [string, number, number][];
  /** Per product and category: product, category, quantity, amount, receipts (see `severalCategories`). */
  products: ProductRow[];
  /** A daily file only: where its products stand in `stg.daily_line`, how many, and the sum of their quantities. */
  lines?: number;
  count?: number;
  units?: number;
};

export type ProductRow = [
  product: string,
  category: string,
  quantityMilli: number,
  amountMinor: number,
  receipts: number,
];

/** The settings of a place at the time of a sale. */
export type PlaceSettings = { timeZone: string; businessDayStart: string };

/**
 * Where one sale has a product under n categories, a further row with this category and −(n − 1) receipts
 * stands beside them, so that the sum over categories counts the sale once.
 */
export const severalCategories = '*';

/** Where neither the document nor the reference data names one. */
export const unknownCategory = 'unknown';

type CategoryOf = (line: Line) => string;

/** Up to so many lines looking through what is summed already is cheaper than a map. */
const fewLines = 16;

/** The rows among which one of `key` is looked for, where most sales have few. */
class Sums<Row> {
  readonly rows: Row[] = [];
  private readonly byKey: Map<string, Row[]> | undefined;

  constructor(lines: number) {
    this.byKey = lines > fewLines ? new Map() : undefined;
  }

  near(key: string): readonly Row[] {
    return this.byKey === undefined ? this.rows : (this.byKey.get(key) ?? []);
  }

  add(key: string, row: Row): void {
    this.rows.push(row);
    if (this.byKey === undefined) return;
    const near = this.byKey.get(key);
    if (near === undefined) this.byKey.set(key, [row]);
    else near.push(row);
  }
}

function sumByCategory(sale: Sale, categoryOf: CategoryOf): Contribution['categories'] {
  const sums = new Sums<[string, number, number]>(sale.lines.length);
  for (const line of sale.lines) {
    const category = categoryOf(line);
    const row = sums.near(category).find(([name]) => name === category);
    if (row === undefined) sums.add(category, [category, line.quantityMilli, line.amountMinor]);
    else {
      row[1] += line.quantityMilli;
      row[2] += line.amountMinor;
    }
  }
  return sums.rows;
}

function sumByProduct(sale: Sale, categoryOf: CategoryOf): Contribution['products'] {
  const sums = new Sums<ProductRow>(sale.lines.length);
  let several: Map<string, number> | undefined;
  for (const line of sale.lines) {
    const { productId } = line;
    const category = categoryOf(line);
    let others = 0;
    let row: ProductRow | undefined;
    for (const near of sums.near(productId)) {
      if (near[0] !== productId) continue;
      if (near[1] === category) row = near;
      else others++;
    }
    if (row === undefined) {
      sums.add(productId, [productId, category, line.quantityMilli, line.amountMinor, 1]);
      if (others > 0) several = (several ?? new Map()).set(productId, others);
    } else {
      row[2] += line.quantityMilli;
      row[3] += line.amountMinor;
    }
  }
  if (several === undefined) return sums.rows;
  // In the order in which the products came.
  const products = new Set(sums.rows.map(([productId]) => productId));
  const further = [...products].flatMap((productId): ProductRow[] => {
    const others = several.get(productId);
    return others === undefined ? [] : [[productId, severalCategories, 0, 0, -others]];
  });
  return [...sums.rows, ...further];
}

/**
 * A pure function of the document, its arrival, and the reference history: null for a sale that does not
 * count (an order that is not closed). `catalogue` gives the category of a product whose line names none.
 */
export function contributionOf(
  sale: Sale,
  receivedAtMs: number,
  place: PlaceSettings,
  catalogue: (productId: string) => string | undefined = () => undefined,
): Contribution | null {
  if (sale.status !== 'closed') return null;
  const categoryOf = (line: Line) => line.category ?? catalogue(line.productId) ?? unknownCategory;
  const time = resolveTime(sale.time, place.timeZone, place.businessDayStart);
  return {
    f: contributionFormat,
    sign: 1,
    refund: sale.kind === 'refund' ? 1 : 0,
    place: sale.placeId,
    date: time.businessDate,
    hour: Math.floor(time.hourMs / 1000),
    at: Math.floor(time.epochMs / 1000),
    got: Math.floor(receivedAtMs / 1000),
    source: sale.source,
    payment: sale.paymentMethod,
    currency: sale.currency,
    ...(sale.customerId === undefined ? {} : { customer: sale.customerId }),
    total: sale.totalMinor,
    nds: sale.ndsMinor,
    tips: sale.tipsMinor,
    discount: sale.discountMinor,
    categories: sumByCategory(sale, categoryOf),
    products: sumByProduct(sale, categoryOf),
  };
}

/** The same contribution taken out again. */
export function negated(contribution: Contribution): Contribution {
  return { ...contribution, sign: -1 };
}
