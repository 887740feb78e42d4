import { hash, randomBytes } from 'node:crypto';

export function sha256(bytes: Buffer | string): Buffer {
  // A Buffer of its own from each digest costs twice as much as one cut from the pool.
  return Buffer.from(hash('sha256', bytes), 'hex');
}

/** 256 random bits as base64url: 43 characters. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** A short readable identifier, unique without coordination: 96 random bits. */
export function randomId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString('base64url')}`;
}

/**
 * Place, product, category and payment method stand together in the unique keys of the marts, and PostgreSQL
 * takes no index entry over 2,704 bytes: a longer one would be accepted here and stop the fold for everyone.
 */
export const maximumIdBytes = 512;
export const maximumIdCharacters = 256;

/** A UTF-16 unit takes at most three bytes of UTF-8, so most texts need no counting. */
export function fitsKey(text: string): boolean {
  return text.length * 3 <= maximumIdBytes || Buffer.byteLength(text) <= maximumIdBytes;
}

/** What may stand where a receipt names a place, a product or a category; characters are code points. */
export function isId(text: string): boolean {
  const characters = text.length <= maximumIdCharacters ? text.length : [...text].length;
  const isStorable = text.isWellFormed() && !text.includes('\0');
  return characters > 0 && characters <= maximumIdCharacters && fitsKey(text) && isStorable;
}

/** To follow the name of what is wrong. */
export const idRule = `takes 1 to ${maximumIdCharacters} characters and at most ${maximumIdBytes} bytes of UTF-8`;
