/**
 * One document of a file, or a part of it that makes none. `line` is the first line it stands on, `original`
 * the bytes of the file that it was made from.
 */
export type Imported = { line: number; original: Buffer[] } & (
  | { body: Buffer; trouble?: undefined }
  | { body?: undefined; trouble: string }
);

/** What intake takes as well: see the limits of a document. */
export const maximumDocumentBytes = 1024 * 1024;

/** Of what is over the limit only this much is held and written to the rejected file. */
export const keptHeadBytes = 4096;

export function tooLong(bytes: number): string {
  return `${bytes} bytes, over the limit of ${maximumDocumentBytes}; the rejected file holds the first ${keptHeadBytes}`;
}
