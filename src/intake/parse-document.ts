import type { Config } from '../config.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';
import { parseReceipt } from './receipts.ts';

export type ParseContext = {
  current: ReferenceSnapshot;
  config: Pick<Config, 'strictTotals' | 'maximumFutureHours' | 'minimumDate'>;
};

/** The one way from bytes to a sale: for HTTP, import, replay, re-attribution and rebuild alike. */
export function parseDocument(arrival: Arrival, context: ParseContext): Incoming {
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
