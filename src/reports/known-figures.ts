import type { CurrencyFacts, ReportFacts } from './report-facts.ts';

/** Everything of the facts that a text may hold. */
export type KnownFigures = {
  numbers: number[];
  /** As given, and what one fact is in percent of another of its kind. */
  percents: number[];
  /** Business dates. */
  dates: string[];
  /** Of products, categories and the place. */
  names: string[];
  /** What a text must tell: the revenue of each currency. */
  revenues: { currency: string; revenue: number }[];
  longestList: number;
};

export function knownFigures(facts: ReportFacts): KnownFigures {
  const known: KnownFigures = {
    ...{ numbers: [], percents: [100], dates: [], names: [], longestList: 1 },
    revenues: facts.currencies.map(({ currency, revenue }) => ({ currency, revenue })),
  };
  collect(facts, '', known);
  for (const section of facts.currencies) known.percents.push(...percentsOf(section));
  return known;
}

const nameKeys = ['place', 'name', 'category', 'product'];
const dateKeys = ['from', 'to', 'date'];

function collect(value: unknown, key: string, known: KnownFigures): void {
  if (typeof value === 'number') {
    known.numbers.push(value);
    if (key.endsWith('_percent')) known.percents.push(value);
  } else if (typeof value === 'string') {
    if (nameKeys.includes(key)) known.names.push(value);
    if (dateKeys.includes(key)) known.dates.push(value);
  } else if (Array.isArray(value)) {
    // "The three best": how many there are is a fact as well.
    known.numbers.push(value.length);
    known.longestList = Math.max(known.longestList, value.length);
    for (const one of value) collect(one, key, known);
  } else if (value !== null && typeof value === 'object') {
    for (const [name, member] of Object.entries(value)) collect(member, name, known);
  }
}

/**
 * A part in percent of a whole, and a change in percent of what was before, each within one kind of figure:
 * money, units, receipts, the average receipt. Any figure in percent of any other would let nearly every whole
 * percentage pass.
 */
function percentsOf(facts: CurrencyFacts): number[] {
  const { comparisons } = facts;
  const given = (values: (number | null)[]) => values.filter((value): value is number => value !== null);
  const rows = [...facts.top_by_money, ...facts.top_by_units, ...facts.categories];
  const revenues = [facts.revenue, facts.sales, ...comparisons.map(({ revenue }) => revenue)];
  const days = facts.unusual_days.flatMap((day) => [day.revenue, day.usual_revenue]);
  const moneyParts = [facts.refunds, facts.discounts, ...rows.map(({ revenue }) => revenue), ...days];
  const unitParts = [
    ...rows.map(({ units }) => units),
    ...facts.unusual_products.flatMap((product) => [product.units, product.usual_units]),
  ];
  const differences = comparisons.map((one) => one.revenue_difference);
  return [
    ...shares([...revenues, ...moneyParts, ...differences], revenues),
    ...changes(revenues),
    ...shares(unitParts, [facts.units]),
    ...ratios(given([facts.receipts, ...comparisons.map(({ receipts }) => receipts)])),
    ...ratios(given([facts.average_receipt, ...comparisons.map((one) => one.average_receipt)])),
    ...facts.unusual_days.flatMap((day) => changes([day.revenue, day.usual_revenue])),
    ...facts.unusual_products.flatMap((product) => [
      ...changes([product.units, product.usual_units]),
      ...shares([product.units], [product.usual_units]),
    ]),
  ];
}

function shares(parts: readonly number[], wholes: readonly number[]): number[] {
  return wholes.flatMap((whole) => (whole === 0 ? [] : parts.map((part) => (part / whole) * 100)));
}

function ratios(values: readonly number[]): number[] {
  return [...shares(values, values), ...changes(values)];
}

function changes(values: readonly number[]): number[] {
  return values.flatMap((before) =>
    before === 0 ? [] : values.map((now) => ((now - before) / Math.abs(before)) * 100),
  );
}
