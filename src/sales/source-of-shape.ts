import type { Source } from './sale.ts';

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const isSpace = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** A member that only one kind has, in the order in which they are asked for. */
const members: readonly [string, Source][] = [
  ['object_type', 'order'],
  ['items', 'receipt'],
  ['product_id', 'transaction'],
];
const lengths = new Set(members.map(([name]) => name.length));

/**
 * The kind of a JSON document by the members it has, undefined where it is none of them. Nothing is built: the
 * whole document is parsed only once, by the parser of its kind.
 */
export function sourceOfShape(body: Buffer): Source | undefined {
  let first = members.length;
  let depth = 0;
  for (let index = 0; index < body.length && first > 0; index++) {
    const byte = body[index]!;
    if (byte === 0x5b || byte === 0x7b) depth++;
    else if (byte === 0x5d || byte === 0x7d) depth--;
    else if (byte === quote) {
      const start = index + 1;
      let escaped = false;
      for (index++; index < body.length && body[index] !== quote; index++) {
        if (body[index] !== backslash) continue;
        escaped = true;
        index++;
      }
      if (depth !== 1 || (!escaped && !lengths.has(index - start)) || !isBeforeColon(body, index + 1))
        continue;
      const found = nameOf(body.toString('latin1', start, index), escaped);
      for (let member = 0; member < first; member++) if (members[member]![0] === found) first = member;
    }
  }
  return members[first]?.[1];
}

function nameOf(text: string, escaped: boolean): string | undefined {
  if (!escaped) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

function isBeforeColon(body: Buffer, from: number): boolean {
  let index = from;
  while (isSpace(body[index])) index++;
  return body[index] === colon;
}
