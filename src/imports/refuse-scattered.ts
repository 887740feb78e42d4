import { CodedError } from '../base/errors.ts';
import { headerColumns, keyColumn } from './map-rows.ts';
import type { Mapping } from './mapping.ts';
import { readCsv } from './read-csv.ts';
import { TextTable } from './text-table.ts';

const shownLines = 10;

/**
 * Looks through a file whose rows are said to stand together before anything of it is sent: a key that comes
 * back would make two halves of one receipt. The error (`import_failed`) names the lines. Up to `maximumBytes` are
 * held for it.
 */
export async function refuseScattered(
  input: AsyncIterable<Buffer>,
  mapping: Pick<Mapping, 'encoding' | 'delimiter' | 'group_by' | 'sorted'>,
  maximumBytes = Number.POSITIVE_INFINITY,
): Promise<void> {
  if (mapping.group_by === undefined || mapping.sorted === false) return;
  const seen = new TextTable();
  const returns: string[] = [];
  let keyIndex: number | undefined;
  let last: string | undefined;
  let count = 0;
  for await (const rows of readCsv(input, mapping)) {
    for (const row of rows) {
      if (keyIndex === undefined) {
        keyIndex = keyColumn(headerColumns(row), mapping);
        continue;
      }
      const key = row.trouble === undefined ? row.cells[keyIndex] : undefined;
      if (key === undefined || key.trim() === '' || key === last) continue;
      last = key;
      if (seen.add(key, '') === undefined) {
        if (seen.bytes > maximumBytes) throw tooMany(mapping.group_by);
        continue;
      }
      if (++count <= shownLines) returns.push(`line ${row.line}: ${mapping.group_by} "${key}" came before`);
    }
  }
  if (count === 0) return;
  const more = count > shownLines ? `\n  and ${count - shownLines} more` : '';
  throw new CodedError(
    'import_failed',
    `the rows of one receipt do not stand together; nothing was sent. Sort the file by ${mapping.group_by}, or set "sorted": false in the mapping (the file is then held in memory).\n  ${returns.join('\n  ')}${more}`,
  );
}

function tooMany(column: string): CodedError {
  const message = `the file has too many different ${column} to look through over HTTP; split it, or load it with tillstream import`;
  return new CodedError('import_failed', message);
}
