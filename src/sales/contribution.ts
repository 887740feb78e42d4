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

function sumByCategory(sale: Sale, categoryOf: CategoryOf): Contribution['categories'] {
  type Row = Contribution['categories'][number];
  const rows: Row[] = [];
  const byName = sale.lines.length > fewLines ? new Map<string, Row>() : undefined;
  for (const line of sale.lines) {
    const category = categoryOf(line);
    let row = byName === undefined ? rows.find(([name]) => name === category) : byName.get(category);
    if (row === undefined) {
      row = [category, 0, 0];
      rows.push(row);
      byName?.set(category, row);
    }
    row[1] += line.quantityMilli;
    row[2] += line.amountMinor;
  }
  return rows;
}

function sumByProduct(sale: Sale, categoryOf: CategoryOf): Contribution['products'] {
  const rows: ProductRow[] = [];
  const byKey = sale.lines.length > fewLines ? new Map<string, ProductRow>() : undefined;
  for (const line of sale.lines) {
    const { productId } = line;
    const category = categoryOf(line);
    const key = byKey === undefined ? '' : `${productId}\u0000${category}`;
    let row =
      byKey === undefined
        ? rows.find(([product, name]) => product === productId && name === category)
        : byKey.get(key);
    if (row === undefined) {
      row = [productId, category, 0, 0, 1];
      rows.push(row);
      byKey?.set(key, row);
    }
    row[2] += line.quantityMilli;
    row[3] += line.amountMinor;
  }
  if (hasRepeated(rows)) {
    for (const [productId, ofProduct] of Map.groupBy(rows, ([product]) => product))
      if (ofProduct.length > 1) rows.push([productId, severalCategories, 0, 0, 1 - ofProduct.length]);
  }
  return rows;
}

/** Whether a product stands in several rows. */
function hasRepeated(rows: readonly ProductRow[]): boolean {
  if (rows.length > fewLines) return new Set(rows.map(([product]) => product)).size < rows.length;
  return rows.some(([product], at) => rows.findIndex(([other]) => other === product) < at);
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
