import type { Problem } from '../base/errors.ts';

const nulCharacter = '\u0000';

/** PostgreSQL stores no NUL, and UTF-8 no half of a surrogate pair: text with either is refused, never altered. */
function troubleOf(text: string): Omit<Problem, 'pointer'> | undefined {
  if (text.includes(nulCharacter)) return { code: 'nul_character', message: 'holds a NUL character' };
  if (!text.isWellFormed()) return { code: 'lone_surrogate', message: 'holds half of a surrogate pair' };
  return undefined;
}

const escaped = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

/**
 * A problem for every string of `value`, keys included, that cannot be stored; pointers begin with `/part`.
 * Keeps its own stack, since a body may be nested deeper than calls can be.
 */
export function badText(part: 'query' | 'path' | 'body', value: unknown): Problem[] {
  const problems: Problem[] = [];
  const waiting: { pointer: string; value: unknown }[] = [{ pointer: `/${part}`, value }];
  const look = (pointer: string, text: string) => {
    const trouble = troubleOf(text);
    if (trouble !== undefined) problems.push({ pointer, ...trouble });
  };
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') look(next.pointer, next.value);
    else if (typeof next.value === 'object' && next.value !== null) {
      for (const [key, member] of Object.entries(next.value)) {
        const pointer = `${next.pointer}/${escaped(key)}`;
        look(pointer, key);
        waiting.push({ pointer, value: member });
      }
    }
  }
  return problems;
}
