import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { CodedError } from '../base/errors.ts';
import type { Imported } from './imported.ts';

export type RejectedFile = {
  /** `FILE.rejected` */
  file: string;
  add(entries: readonly { document: Imported; reason: string }[]): void;
};

/**
 * Two files beside the imported one: `FILE.rejected` holds the rejected rows or documents as they stood (under
 * the header of a CSV file), so that it can be corrected and imported; `FILE.rejected.reasons` one line of
 * JSON for each, `{line, reason, rows}`. `keep` is how many of an earlier run still hold: what was written
 * after its last stored progress comes again.
 */
export function openRejectedFile(imported: string, header: Buffer | undefined, keep: number): RejectedFile {
  const file = `${imported}.rejected`;
  const reasonsFile = `${file}.reasons`;
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw new CodedError(
        'import_failed',
        `${file} cannot be written; copy the file to a folder where it can: ${(error as Error).message}`,
        { cause: error },
      );
    }
  };
  attempt(() => {
    if (keep > 0 && existsSync(file) && existsSync(reasonsFile)) cutBack(file, reasonsFile, header, keep);
    else for (const old of [file, reasonsFile]) rmSync(old, { force: true });
  });
  return {
    file,
    add(entries) {
      if (entries.length === 0) return;
      const newline = Buffer.from('\n');
      const rows = entries.flatMap(({ document }) => document.original.flatMap((row) => [row, newline]));
      const reasons = entries.map(({ document, reason }) =>
        JSON.stringify({ line: document.line, reason, rows: document.original.length }),
      );
      attempt(() => {
        if (header !== undefined && !existsSync(file)) writeFileSync(file, Buffer.concat([header, newline]));
        appendFileSync(file, Buffer.concat(rows));
        appendFileSync(reasonsFile, `${reasons.join('\n')}\n`);
      });
    },
  };
}

function cutBack(file: string, reasonsFile: string, header: Buffer | undefined, keep: number): void {
  const reasons = readFileSync(reasonsFile, 'utf8').split('\n').slice(0, keep);
  let lines = header === undefined ? 0 : 1;
  for (const reason of reasons) if (reason !== '') lines += (JSON.parse(reason) as { rows: number }).rows;
  const bytes = readFileSync(file);
  let end = 0;
  for (let line = 0; line < lines && end < bytes.length; line++) {
    const next = bytes.indexOf(0x0a, end);
    end = next < 0 ? bytes.length : next + 1;
  }
  writeFileSync(file, bytes.subarray(0, end));
  writeFileSync(reasonsFile, reasons.map((reason) => `${reason}\n`).join(''));
}
