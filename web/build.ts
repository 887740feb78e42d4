import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { build } from 'vite';

/** `node web/build.ts FOLDER`: the dashboard, with a .br and a .gz beside every file that gets smaller. */
const folder = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, 'dist', 'by-hand'));
const compressions = [
  ['br', promisify(brotliCompress)],
  ['gz', promisify(gzip)],
] as const;
const gain = 0.95;

await build({
  configFile: path.join(import.meta.dirname, 'vite.config.ts'),
  logLevel: 'warn',
  build: { outDir: folder, emptyOutDir: true },
});
for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  // The server writes into the page where it is served, so it is compressed there.
  if (!entry.isFile() || entry.name === 'index.html') continue;
  const file = path.join(entry.parentPath, entry.name);
  const bytes = await readFile(file);
  for (const [suffix, compress] of compressions) {
    const small = await compress(bytes);
    if (small.length < bytes.length * gain) await writeFile(`${file}.${suffix}`, small);
  }
}
