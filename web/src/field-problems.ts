import { ApiProblem } from './api.ts';

/** What the program says of one member of the body it was sent. */
export function problemOf(error: unknown, member: string): string | undefined {
  if (!(error instanceof ApiProblem)) return undefined;
  const found = error.errors.filter(({ pointer }) => pointer.split('/')[2] === member);
  return found.length === 0 ? undefined : found.map(({ message }) => message).join('; ');
}
