/** Receipts and average receipt of a window and of what is usual there; an average of no receipts is null. */
export type Parts = {
  receipts: number;
  average: number | null;
  usualReceipts: number | null;
  usualAverage: number | null;
};

/** What a rule says of one place (or all) and currency at one time. Figures as they are shown. */
export type Judgement = {
  /** Tells apart what one rule watches. */
  target: string;
  placeId: string | null;
  currency: string | null;
  atMs: number;
  /** Undefined where nothing can be said: the place is closed, or too little is known of it. */
  isOver: boolean | undefined;
  /** Not so far off that it would begin to fire, and not back either: what fires goes on. */
  isBetween?: boolean;
  value: number | null;
  baseline: number | null;
  /** Of a change: under or over which it fires. */
  lower: number | null;
  upper: number | null;
  windowFromMs: number;
  windowToMs: number;
  parts?: () => Parts;
  /** Of all places together: what each of them did. */
  byPlace?: () => { placeId: string; value: number; baseline: number | null }[];
  /** A single refund: which sale it is. */
  refund?: { source: string; sourceId: string };
};

export const targetOf = (...parts: readonly (string | null)[]) => parts.map((part) => part ?? '').join('|');
