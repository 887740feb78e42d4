import { readBytes } from './open-import.ts';
import { splitLines } from './read-lines.ts';

/** `documents` are sales; `reference` users or restaurants; `daily` an XML file. */
export type FileKind = 'documents' | 'reference' | 'daily';

const lessThan = 0x3c;

/** What a file holds, as its first line shows; what that does not show is taken for documents. */
export async function findKind(file: string): Promise<FileKind> {
  for await (const lines of splitLines(readBytes(file))) {
    for (const { bytes } of lines) {
      const first = bytes.find((byte) => byte > 0x20);
      if (first === undefined) continue;
      if (first === lessThan) return 'daily';
      return isReference(bytes) ? 'reference' : 'documents';
    }
  }
  return 'documents';
}

function isReference(line: Buffer): boolean {
  try {
    return typeof JSON.parse(line.toString('utf8'))?._id === 'string';
  } catch {
    return false;
  }
}
