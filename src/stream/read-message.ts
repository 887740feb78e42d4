import { isJson } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Problem } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Arrival, Incoming, Origin, Refused, Resolved, Source } from '../sales/sale.ts';
import { sourceOfShape } from '../sales/source-of-shape.ts';
import { readHeaders } from './document-headers.ts';

export type StreamMessage = {
  origin: Origin;
  value: Buffer | null;
  headers: readonly (readonly [Buffer | null, Buffer | null])[];
};

export type ReadMessageDeps = {
  key: Buffer;
  parse: (arrival: Arrival) => Incoming;
  /** Of documents that nobody vouches for. */
  resolved: Resolved;
  /** Holds orders and nothing else. */
  ordersTopic: string;
  clock: Clock;
  log: Log;
};

/** As over HTTP: a larger document is kept with its head. */
const maximumDocumentBytes = 1024 * 1024;
const keptHeadBytes = 4096;

/**
 * A message as a document: with what our own intake says of it, or, where anybody may have written it, by its
 * shape. Whatever it holds, there is a row for the journal, so that no message ever blocks its partition.
 */
export function readMessage(deps: ReadMessageDeps, message: StreamMessage): Incoming {
  const { origin, headers } = message;
  const body = message.value ?? Buffer.alloc(0);
  const told = readHeaders(deps.key, headers, body);
  if (told !== undefined) {
    const { settled, ...rest } = told;
    const arrival: Arrival = { ...rest, body, origin };
    if (settled !== undefined) return { ...arrival, verdict: 'rejected', problems: settled, settled: true };
    return parse(deps, arrival);
  }
  const source = origin.topic === deps.ordersTopic ? 'order' : sourceOfShape(body);
  if (body.length > maximumDocumentBytes) {
    const message = `${body.length} bytes, over the limit of ${maximumDocumentBytes}; its first ${keptHeadBytes} bytes are kept`;
    const head = Buffer.from(body.subarray(0, keptHeadBytes));
    return refuse(arrivalOf(deps, source, head, origin), 'body_too_large', message);
  }
  const arrival = arrivalOf(deps, source, body, origin);
  if (source !== undefined || !isJson(body)) return parse(deps, arrival);
  const message_ =
    'neither object_type (an order), items (a receipt) nor product_id (a transaction) is there';
  return refuse(arrival, 'unknown_source', message_);
}

function arrivalOf(deps: ReadMessageDeps, source: Source | undefined, body: Buffer, origin: Origin): Arrival {
  return {
    // What it is not known to be is shown among the receipts.
    source: source ?? 'receipt',
    receivedAtMs: deps.clock.nowMs(),
    contentType: 'application/json',
    body,
    resolved: deps.resolved,
    origin,
  };
}

function parse(deps: ReadMessageDeps, arrival: Arrival): Incoming {
  try {
    return deps.parse(arrival);
  } catch (error) {
    const { origin } = arrival;
    deps.log.error({ err: error, ...origin }, 'a document could not be read; it is journaled as rejected');
    return refuse(arrival, 'unreadable', 'it could not be read; the log of the processor says why');
  }
}

function refuse(arrival: Arrival, code: string, message: string): Refused {
  const problem: Problem = { pointer: '', code, message };
  return { ...arrival, verdict: 'rejected', problems: [problem], settled: true };
}
