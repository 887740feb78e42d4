import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** As the names after a file's own in the folder of a build. */
export type Encoding = 'br' | 'gzip';
export type ServedFile = {
  type: string;
  /** Its name holds the hash of its content, so it never changes. */
  isImmutable: boolean;
  etag: string;
  bytes: Buffer;
  encoded: Partial<Record<Encoding, Buffer>>;
};

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
};
const encodings = { '.br': 'br', '.gz': 'gzip' } as const;
const etagOf = (bytes: Buffer) => `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;

/**
 * The files of a build by their path in it, all in memory: under 3 MB, and a build that another process
 * removes is served until this one ends.
 */
export async function loadFiles(folder: string): Promise<Map<string, ServedFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
  const files = new Map<string, ServedFile>();
  for (const name of names) {
    const bytes = await readFile(path.join(folder, name));
    const suffix = path.extname(name) as keyof typeof encodings;
    const whole = files.get(name.slice(0, -suffix.length));
    if (encodings[suffix] !== undefined && whole !== undefined) {
      whole.encoded[encodings[suffix]] = bytes;
      continue;
    }
    const type = types[path.extname(name)] ?? 'application/octet-stream';
    files.set(name, {
      type,
      isImmutable: name.startsWith('assets/'),
      etag: etagOf(bytes),
      bytes,
      encoded: {},
    });
  }
  return files;
}

/** The page with its base in it, so that it works below BASE_PATH and at every deep address. */
export function placePage(page: ServedFile, basePath: string): ServedFile {
  const text = page.bytes.toString('utf8').replace('<base href="/" />', `<base href="${basePath}/" />`);
  const bytes = Buffer.from(text);
  return { ...page, bytes, etag: etagOf(bytes), isImmutable: false, encoded: {} };
}
