/** A sender's own text within a message: no longer than is useful, and such that the journal can hold it. */
export function quoteText(text: string, characters = 64): string {
  const short = text.length > characters ? `${text.slice(0, characters)}…` : text;
  return short.toWellFormed().replaceAll('\u0000', '\ufffd');
}
