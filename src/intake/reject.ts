import type { Problem } from '../base/errors.ts';
import { maximumLines } from '../sales/document-fields.ts';
import type { Arrival, Refused } from '../sales/sale.ts';
import { problemsOf, type SchemaError } from './schema-problems.ts';

/** A rejected document, with its id and its place where they can be read and stored. */
export function reject(
  arrival: Arrival,
  ids: { sourceId: unknown; placeIds: unknown[] },
  problems: Problem[],
): Refused {
  const placeId = ids.placeIds.find(isStorable);
  return {
    ...arrival,
    verdict: 'rejected',
    problems,
    ...(isStorable(ids.sourceId) ? { sourceId: ids.sourceId } : {}),
    ...(placeId === undefined ? {} : { placeId }),
  };
}

export function isStorable(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    text.length > 0 &&
    text.length <= 256 &&
    text.isWellFormed() &&
    !text.includes(String.fromCharCode(0))
  );
}

/** A member of something that may be no object at all. */
export function memberOf(value: unknown, name: string): unknown {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

type Validator = { Errors(value: unknown): readonly SchemaError[] };

/** Too many lines are told alone: to look at each of half a million of them would hold everyone else up. */
export function shapeProblems(validator: Validator, value: unknown, lines?: Lines): Problem[] {
  if (lines !== undefined && Array.isArray(lines.list) && lines.list.length > maximumLines) {
    const message = `${lines.list.length} lines; a sale has at most ${maximumLines}`;
    return [{ pointer: lines.pointer, code: 'too_many_lines', message }];
  }
  return problemsOf([...validator.Errors(value)]);
}

type Lines = { list: unknown; pointer: string };
