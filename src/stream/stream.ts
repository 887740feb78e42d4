import type { Incoming, Outcome } from '../sales/sale.ts';

/**
 * How accepted documents travel from intake to the warehouse. `append` resolves once every document is
 * durable: with its outcome where it is known (embedded), undefined where the verdict comes later, unless it
 * comes before `waitUntilMs`. Past `deadlineMs` (both epoch milliseconds) it fails with the coded error
 * `overloaded`, `database_unavailable` or `stream_unavailable`; a document may then be stored or not, and
 * sending it again is safe.
 */
export type Stream = {
  append(documents: Incoming[], deadlineMs: number, waitUntilMs?: number): Promise<(Outcome | undefined)[]>;
  stop(): Promise<void>;
};
