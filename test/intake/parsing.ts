import { type ParseContext, parseDocument } from '../../src/intake/parse-document.ts';
import type { ReferenceSnapshot } from '../../src/reference/reference.ts';
import type { Arrival, Incoming } from '../../src/sales/sale.ts';
import { receipt } from '../program.ts';

export const arrivedAtMs = Date.parse('2024-06-15T12:00:00Z');

type Place = { timeZone?: string; businessDayStart?: string; currency?: string };

/** A reference history that never changes. */
export function snapshotOf(places: Record<string, Place> = {}): ReferenceSnapshot {
  return {
    version: 1,
    placeSettings: (placeId, _time, defaultTimeZone) => ({
      timeZone: places[placeId]?.timeZone ?? defaultTimeZone,
      businessDayStart: places[placeId]?.businessDayStart ?? '00:00',
    }),
    placeCurrency: (placeId) => places[placeId]?.currency,
    productCategory: () => undefined,
  };
}

export function contextOf(
  changes: Partial<ParseContext['config']> & { places?: Record<string, Place>; accepted?: boolean } = {},
): ParseContext {
  const { places, accepted, ...config } = changes;
  return {
    current: snapshotOf(places),
    config: {
      strictTotals: false,
      maximumFutureHours: 48,
      minimumDate: '2000-01-01',
      productIdScope: 'chain',
      ...config,
    },
    ...(accepted === undefined ? {} : { accepted }),
  };
}

export function arrivalOf(body: Buffer | string, changes: Partial<Arrival> = {}): Arrival {
  return {
    source: 'receipt',
    receivedAtMs: arrivedAtMs,
    contentType: 'application/json',
    body: Buffer.from(body),
    resolved: { placeId: 'unknown', currency: 'RUB', timeZone: 'UTC' },
    ...changes,
  };
}

/** The receipt of the documentation with changes, through the parser. */
export function parseChanged(
  changes: Record<string, unknown>,
  context = contextOf(),
  arrival: Partial<Arrival> = {},
): Incoming {
  return parseDocument(arrivalOf(JSON.stringify(receipt(changes)), arrival), context);
}

export function saleOf(incoming: Incoming) {
  if (incoming.sale === undefined) throw new Error(`rejected: ${JSON.stringify(incoming.problems)}`);
  return incoming.sale;
}

/** `pointer code` of each problem. */
export function problemsOf(incoming: Incoming): string[] {
  if (incoming.sale !== undefined) return [];
  return incoming.problems.map((problem) => `${problem.pointer} ${problem.code}`);
}
