import type { Contribution } from '../sales/contribution.ts';
import { readContribution, type StoredContribution } from '../sales/stored-contribution.ts';
import { type CountedRow, countSale, namesCustomer, type Scope } from './count-sale.ts';

/** A journal row as the follower reads it. */
export type FollowedRow = {
  position: number;
  source: string;
  source_id: string;
  sale_seq: number;
  contributions: StoredContribution[];
};

/** Names a customer and a key, both by number. */
export type Counter = { userNo: number; keyNo: number };

type Figures = { orders: number; units: number; spent: number };
export type DayMove = Counter & Figures & { date: string; currency: string };

/** All that a batch moved of one customer and key, each date and currency once. */
export type CounterMoves = Counter & { days: DayMove[] };

export type SaleMove = {
  userNo: number;
  at: number;
  source: string;
  sourceId: string;
  placeId: string;
  count: number;
};

/** What one journal row moved of one counter: what a tag's evidence is found by. */
export type SaleStep = DayMove & { row: FollowedRow };

export type Gathered = {
  /** Sorted by customer and key. */
  counters: CounterMoves[];
  sales: SaleMove[];
  /** In the order of the journal; only of the keys that were asked for. */
  steps: SaleStep[];
  /** Every counter that a row moved, for rows that may be ahead of an earlier change of their sale. */
  touchedBy: Map<FollowedRow, Counter[]>;
};

export type CountedEntry = {
  row: FollowedRow;
  contribution: Contribution & { customer: string };
  counts: CountedRow[];
};

/** The contributions of a batch that name a customer. */
export function countRows(rows: readonly FollowedRow[]): CountedEntry[] {
  return rows.flatMap((row) =>
    row.contributions
      .map(readContribution)
      .filter(namesCustomer)
      .map((contribution) => ({ row, contribution, counts: countSale(contribution) })),
  );
}

type Numbers = {
  customer: (id: string) => number | undefined;
  key: (scope: Scope, key: string) => number | undefined;
};

/** Sums a batch, so that each counter is written once however many sales moved it. */
export function gatherCounts(
  entries: readonly CountedEntry[],
  numbers: Numbers,
  watchedKeys: ReadonlySet<number>,
): Gathered {
  const users = new Map<number, Map<number, CounterMoves>>();
  const sales = new Map<string, SaleMove>();
  const steps: SaleStep[] = [];
  const touchedBy = new Map<FollowedRow, Counter[]>();
  for (const { row, contribution, counts } of entries) {
    const userNo = numbers.customer(contribution.customer)!;
    const keys = getOrAdd(users, userNo, () => new Map<number, CounterMoves>());
    for (const counted of counts) {
      const keyNo = numbers.key(counted.scope, counted.key)!;
      const moves = getOrAdd(keys, keyNo, () => ({ userNo, keyNo, days: [] }));
      addMove(moves, contribution, counted);
      if (watchedKeys.has(keyNo)) steps.push(stepOf(moves, contribution, counted, row));
      if (row.sale_seq > 1) getOrAdd(touchedBy, row, () => []).push({ userNo, keyNo });
    }
    addSale(sales, userNo, row, contribution);
  }
  return {
    counters: [...users].sort(([a], [b]) => a - b).flatMap(([, keys]) => movedOf(keys)),
    sales: [...sales.values()].filter((sale) => sale.count !== 0),
    steps,
    touchedBy,
  };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function addMove(
  { userNo, keyNo, days }: CounterMoves,
  { date, currency }: Contribution,
  counted: Figures,
): void {
  const day = days.find((one) => one.date === date && one.currency === currency);
  if (day === undefined) {
    const { orders, units, spent } = counted;
    days.push({ userNo, keyNo, date, currency, orders, units, spent });
  } else {
    day.orders += counted.orders;
    day.units += counted.units;
    day.spent += counted.spent;
  }
}

function stepOf(
  { userNo, keyNo }: Counter,
  { date, currency }: Contribution,
  { orders, units, spent }: Figures,
  row: FollowedRow,
): SaleStep {
  return { userNo, keyNo, date, currency, orders, units, spent, row };
}

/** The counters of one customer that a batch moved, in order; what cancels itself out moves nothing. */
function movedOf(keys: Map<number, CounterMoves>): CounterMoves[] {
  const list = [...keys.values()].sort((a, b) => a.keyNo - b.keyNo);
  for (const moves of list) moves.days = moves.days.filter((day) => day.orders || day.units || day.spent);
  return list.filter((moves) => moves.days.length > 0);
}

function addSale(
  sales: Map<string, SaleMove>,
  userNo: number,
  { source, source_id: sourceId }: FollowedRow,
  { at, place: placeId, sign }: Contribution,
): void {
  const key = `${userNo} ${at} ${source} ${place(placeId)}${sourceId}`;
  const sale = sales.get(key);
  if (sale === undefined) sales.set(key, { userNo, at, source, sourceId, placeId, count: sign });
  else sale.count += sign;
}

/** Ids may hold any character but NUL. */
const place = (id: string) => `${id}\u0000`;
