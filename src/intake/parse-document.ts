import type { Config } from '../config.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';
import { parseReceipt } from './receipts.ts';

export type ParseContext = {
  current: ReferenceSnapshot;
  config: Pick<Config, 'strictTotals' | 'maximumFutureHours' | 'minimumDate'>;
  /**
   * The document was accepted before and is only computed anew: what depends on settings (strict totals,
   * the range of times) is not asked again, so that a changed setting undoes no sale.
   */
  accepted?: boolean;
};

/** The one way from bytes to a sale: for HTTP, import, replay, re-attribution and rebuild alike. */
export function parseDocument(arrival: Arrival, context: ParseContext): Incoming {
  const incoming = parseBySource(arrival, context);
  incoming.referenceVersion = context.current.version;
  return incoming;
}

function parseBySource(arrival: Arrival, context: ParseContext): Incoming {
  if (arrival.source === 'receipt') return parseReceipt(arrival, context);
  return {
    ...arrival,
    verdict: 'rejected',
    problems: [
      {
        pointer: '',
        code: 'unknown_source',
        message: `documents of kind ${arrival.source} are not read here`,
      },
    ],
  };
}
