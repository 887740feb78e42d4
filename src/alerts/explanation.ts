export const driverKinds = ['receipts', 'average_receipt', 'product', 'place', 'refund'] as const;
/**
 * What moved a figure: `change` is how much of the difference between value and baseline it makes up, in the
 * figure's own unit (a currency's, for money).
 */
export type Driver = {
  kind: (typeof driverKinds)[number];
  id?: string;
  name?: string;
  value: number;
  baseline: number | null;
  change: number;
};

/** A sentence for people, and the figures behind it, the largest first. */
export type Explanation = { text: string; drivers: Driver[] };
