import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Problem } from '../base/errors.ts';
import type { Arrival, Incoming } from '../sales/sale.ts';

/** Of a message: what intake knows of the document, and the proof that it was intake who said so. */
export const arrivalHeader = 'arrival';
export const signatureHeader = 'signature';
const arrivalHeaderBytes = Buffer.from(arrivalHeader);
const signatureHeaderBytes = Buffer.from(signatureHeader);

type Told = Omit<Arrival, 'body' | 'origin' | 'originalBody'> & { settled?: Problem[] };

function sign(key: Buffer, told: Buffer, body: Buffer): Buffer {
  // The body is signed too, or a header could be moved to another document.
  return createHmac('sha256', key).update(told).update('\n').update(body).digest();
}

export function headersOf(key: Buffer, document: Incoming): Map<Buffer, Buffer> {
  const { source, receivedAtMs, contentType, resolved, tokenId, boundPlaceId, replayOf, body } = document;
  const settled = document.sale === undefined && document.settled === true ? document.problems : undefined;
  const told: Told = {
    ...{ source, receivedAtMs, contentType, resolved },
    ...(tokenId === undefined ? {} : { tokenId }),
    ...(boundPlaceId === undefined ? {} : { boundPlaceId }),
    ...(replayOf === undefined ? {} : { replayOf }),
    ...(settled === undefined ? {} : { settled }),
  };
  const bytes = Buffer.from(JSON.stringify(told));
  return new Map([
    [arrivalHeaderBytes, bytes],
    [signatureHeaderBytes, sign(key, bytes, body)],
  ]);
}

/** What the headers say, or undefined where they are missing or not signed with our key for this very body. */
export function readHeaders(
  key: Buffer,
  headers: readonly (readonly [Buffer | null, Buffer | null])[],
  body: Buffer,
): Told | undefined {
  const told = headerOf(headers, arrivalHeader);
  const signature = headerOf(headers, signatureHeader);
  if (told === undefined || signature === undefined) return undefined;
  const expected = sign(key, told, body);
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return undefined;
  return JSON.parse(told.toString('utf8')) as Told;
}

function headerOf(headers: readonly (readonly [Buffer | null, Buffer | null])[], name: string) {
  return headers.find(([key]) => key?.toString('latin1') === name)?.[1] ?? undefined;
}
