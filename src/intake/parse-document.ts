import type { Config } from '../config.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { Arrival, Incoming, Source } from '../sales/sale.ts';
import { parseOrder } from './orders.ts';
import { parseReceipt } from './receipts.ts';
import { scopeIds } from './scope-ids.ts';
import { parseTransaction } from './transactions.ts';

export type ParseContext = {
  current: ReferenceSnapshot;
  config: Pick<Config, 'strictTotals' | 'maximumFutureHours' | 'minimumDate' | 'productIdScope'>;
  /**
   * The document was accepted before and is only computed anew: what depends on settings (strict totals,
   * the range of times) is not asked again, so that a changed setting undoes no sale.
   */
  accepted?: boolean;
};

const parsers: Partial<Record<Source, (arrival: Arrival, context: ParseContext) => Incoming>> = {
  receipt: parseReceipt,
  transaction: parseTransaction,
  order: parseOrder,
};

/** The one way from bytes to a sale: for HTTP, import, replay, re-attribution and rebuild alike. */
export function parseDocument(arrival: Arrival, context: ParseContext): Incoming {
  const { config, current, accepted = false } = context;
  const parsed = parseBySource(arrival, context);
  const incoming = config.productIdScope === 'place' ? scopeIds(parsed, accepted) : parsed;
  incoming.referenceVersion = current.version;
  return incoming;
}

function parseBySource(arrival: Arrival, context: ParseContext): Incoming {
  const parse = parsers[arrival.source];
  if (parse !== undefined) return parse(arrival, context);
  const message = `documents of kind ${arrival.source} are not read here`;
  return { ...arrival, verdict: 'rejected', problems: [{ pointer: '', code: 'unknown_source', message }] };
}
