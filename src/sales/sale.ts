import type { Problem } from '../base/errors.ts';
import type { LocalTime } from '../base/time.ts';

export type Source = 'receipt' | 'transaction' | 'order' | 'daily';

/**
 * `accepted` … `ignored` are given to documents that arrive; `reattributed` and `erased` rows the system
 * writes itself.
 */
export type Verdict =
  | 'accepted'
  | 'corrected'
  | 'duplicate'
  | 'stale'
  | 'conflict'
  | 'rejected'
  | 'ignored'
  | 'reattributed'
  | 'erased';

/**
 * One product in a sale. Quantity in thousandths, price and amount in minor units of the sale's currency. Without
 * a category, that of the reference data holds.
 */
export type Line = {
  productId: string;
  name?: string;
  category?: string;
  quantityMilli: number;
  priceMinor: number;
  amountMinor: number;
};

/** A remark on an accepted sale: it counts, but something about it is worth a look. */
export type Flag = { code: string; message: string };

/** The canonical form of one document, before any reference data but the currency is looked up. */
export type Sale = {
  source: Source;
  sourceId: string;
  /** Compared as text within one source; see `sales/versions.ts`. */
  version: string;
  /** Only `closed` sales contribute. */
  status: 'open' | 'closed' | 'cancelled';
  kind: 'sale' | 'refund';
  originalId?: string;
  placeId: string;
  placeName?: string;
  customerId?: string;
  customerName?: string;
  time: LocalTime;
  currency: string;
  paymentMethod: string;
  totalMinor: number;
  ndsMinor: number;
  tipsMinor: number;
  discountMinor: number;
  lines: Line[];
  /**
   * What an order says it went through, each with its own time as written. Only the vault keeps them, so they are
   * left out where a document is read to be loaded: thousands of those wait in memory.
   */
  statuses?: SaleStatus[];
  flags: Flag[];
};

export type SaleStatus = { status: string; time: LocalTime };

/**
 * What was settled when the document arrived and must not depend on later settings: where a document
 * without a place is filed, and the configured defaults of that moment.
 */
export type Resolved = { placeId: string; currency: string; timeZone: string; replace?: boolean };

/** What arrived, byte for byte, with what intake knows about it. */
export type Arrival = {
  source: Source;
  receivedAtMs: number;
  contentType: string;
  body: Buffer;
  resolved: Resolved;
  /** As it was sent, where something had to be left out of what is kept. */
  originalBody?: Buffer;
  tokenId?: string;
  /** The place the token is bound to: a sale may neither come from nor go to another. */
  boundPlaceId?: string;
  /** The journal row that this arrival replays. */
  replayOf?: string;
  /** Where in the stream it stood, if it came that way. */
  origin?: Origin;
};

/** A message of a topic. `from` is where its partition has to stand for it to be the next one. */
export type Origin = { topicId: string; topic: string; partition: number; offset: number; from: number };

/** A document that goes to the journal as it is. */
export type Refused = Arrival & {
  sale?: undefined;
  verdict: 'rejected' | 'ignored';
  sourceId?: string;
  placeId?: string;
  problems: Problem[];
  /** Intake kept only its head or could not split it: to parse what is kept would say something else. */
  settled?: true;
};

/** An arrival after parsing: a sale to be loaded, or a document that goes to the journal as it is. */
export type Incoming = ((Arrival & { sale: Sale }) | Refused) & {
  /** The version of the reference history it was read with: a sale's currency may come from there. */
  referenceVersion?: number;
};

/** What became of one document, as `warehouse.load` answers it. */
export type Outcome = {
  verdict: Verdict;
  /** The journal row, as text since it is 64 bits wide. */
  position: string;
  problems: Problem[];
};
