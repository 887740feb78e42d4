import type { FieldTrouble } from './read-value.ts';

/**
 * One document of a file, or a part of it that makes none. `line` is the first line it stands on, `original`
 * the bytes of the file that it was made from; in an array `end` is
 * where the next begins, or the bracket at its end.
 */
export type Imported = { line: number; original: Buffer[]; end?: number } & (
  | { body: Buffer; trouble?: undefined; draft?: undefined; fields?: undefined }
  /** `draft` is the document as far as it could be made, `fields` what is wrong in it. */
  | { body?: undefined; trouble: string; draft?: Buffer; fields?: FieldTrouble[] }
);

/** What intake takes as well: see the limits of a document. */
export const maximumDocumentBytes = 1024 * 1024;

/** Of what is over the limit only this much is held and written to the rejected file. */
export const keptHeadBytes = 4096;

export function tooLong(bytes: number): string {
  return `${bytes} bytes, over the limit of ${maximumDocumentBytes}; the rejected file holds the first ${keptHeadBytes}`;
}
