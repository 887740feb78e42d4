import { Settings } from 'typebox/system';
import type { Problem } from '../base/errors.ts';

/** What a TypeBox validator reports of one value. */
export type SchemaError = {
  keyword: string;
  instancePath: string;
  params: Record<string, unknown>;
  message: string;
};

const codes: Record<string, string> = {
  type: 'wrong_type',
  minItems: 'empty_items',
  maxItems: 'too_many_lines',
  minLength: 'empty',
  maxLength: 'too_long',
  enum: 'unknown_value',
  '~refine': 'too_long',
  minimum: 'out_of_range',
  maximum: 'out_of_range',
};

/** More would only repeat the first; a document of 10,000 bad lines is not answered with 10,000 problems. */
export const maximumProblems = 100;
// TypeBox itself stops at eight, and a till's maker wants to see everything that is wrong at once.
Settings.Set({ maxErrors: maximumProblems });

/** The validator's errors with a JSON pointer and a stable code each. */
export function problemsOf(errors: readonly SchemaError[]): Problem[] {
  const problems: Problem[] = [];
  for (const error of errors) {
    if (problems.length >= maximumProblems) break;
    if (error.keyword === 'required') {
      for (const name of error.params.requiredProperties as string[]) {
        const pointer = `${error.instancePath}/${name}`;
        problems.push({ pointer, code: 'missing', message: `${name} is required` });
      }
    } else
      problems.push({
        pointer: error.instancePath,
        code: codes[error.keyword] ?? error.keyword,
        message: messageOf(error),
      });
  }
  return problems.slice(0, maximumProblems);
}

function messageOf(error: SchemaError): string {
  if (error.keyword === 'enum')
    return `must be one of ${(error.params.allowedValues as unknown[]).join(', ')}`;
  return error.message;
}
