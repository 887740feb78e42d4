import type { DailyProblem } from '../sales/daily-file.ts';
import { quoteText } from './quote-text.ts';

/** What makes a file unreadable from some place on: nothing after it is looked at. */
export class RefusedXml extends Error {
  override readonly name = 'RefusedXml';
  readonly code: string;
  readonly line: number | undefined;
  readonly pointer: string;

  constructor(code: string, message: string, line?: number, pointer = '') {
    // What the parser says may hold any part of the file.
    super(quoteText(message, 500));
    this.code = code;
    this.line = line;
    this.pointer = pointer;
  }

  /** The line stands in the message too, for those who only show that. */
  problem(): DailyProblem {
    const { code, message, line, pointer } = this;
    if (line === undefined) return { pointer, code, message };
    return { pointer, code, message: `line ${line}: ${message}`, line };
  }
}
