import { isUtf8 } from 'node:buffer';
import type { Problem } from '../base/errors.ts';
import { maximumProblems } from './schema-problems.ts';

export const maximumDepth = 64;

export type ReadJson = { value: unknown; problems?: undefined } | { value?: unknown; problems: Problem[] };

const quote = 0x22;
const backslash = 0x5c;

/** Most documents hold fewer brackets than they may be deep, and native search tells that at once. */
function hasBrackets(text: string, atLeast: number): boolean {
  let count = 0;
  for (const bracket of ['[', '{']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      count++;
      if (count >= atLeast) return true;
    }
  }
  return false;
}

/** How deep arrays and objects are nested, without building them. */
function nestingOf(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index]!;
    if (inString) {
      if (byte === backslash) index++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

const nulCharacter = String.fromCharCode(0);

function troubleIn(text: string): { code: string; message: string } | undefined {
  if (text.includes(nulCharacter)) return { code: 'nul_character', message: 'holds a NUL character' };
  if (!text.isWellFormed()) return { code: 'lone_surrogate', message: 'holds half of a surrogate pair' };
  return undefined;
}

/** Strings and keys that no database and no other program can hold. */
function findBadStrings(root: unknown): Problem[] {
  const problems: Problem[] = [];
  const stack: { value: unknown; pointer: string }[] = [{ value: root, pointer: '' }];
  for (let next = stack.pop(); next !== undefined && problems.length < maximumProblems; next = stack.pop()) {
    const { value, pointer } = next;
    if (typeof value === 'string') {
      const trouble = troubleIn(value);
      if (trouble !== undefined) problems.push({ pointer, ...trouble });
    } else if (value !== null && typeof value === 'object') {
      for (const [key, member] of Object.entries(value)) {
        const trouble = troubleIn(key);
        // The key itself cannot be shown, so its holder is named.
        if (trouble !== undefined)
          problems.push({ pointer, code: trouble.code, message: `a key here ${trouble.message}` });
        else stack.push({ value: member, pointer: `${pointer}/${escapePointer(key)}` });
      }
    }
  }
  return problems.slice(0, maximumProblems);
}

/** The message quotes the body, and may cut a surrogate pair in two; the journal has to hold it. */
function quotable(message: string): string {
  return message.toWellFormed().replaceAll(nulCharacter, '\ufffd');
}

/** Only an escape can bring a NUL or a lone surrogate into valid UTF-8 JSON. */
const escapeMark = '\\u';

/** JSON from bytes that may be anything; every trouble is a problem, none an exception. */
export function readJson(body: Buffer): ReadJson {
  if (!isUtf8(body))
    return { problems: [{ pointer: '', code: 'broken_utf8', message: 'the bytes are not UTF-8' }] };
  const text = body.toString('utf8');
  if (hasBrackets(text, maximumDepth + 1) && nestingOf(body) > maximumDepth) {
    return {
      problems: [{ pointer: '', code: 'too_deep', message: `nested deeper than ${maximumDepth} levels` }],
    };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return {
      problems: [
        { pointer: '', code: 'not_json', message: `not JSON: ${quotable((error as Error).message)}` },
      ],
    };
  }
  if (text.includes(escapeMark)) {
    const problems = findBadStrings(value);
    if (problems.length > 0) return { value, problems };
  }
  return { value };
}
