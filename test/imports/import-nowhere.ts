/** Imports a file into a stream that forgets everything: what memory it takes is the import's own. */
import { runImport } from '../../src/imports/run-import.ts';
import type { Incoming } from '../../src/sales/sale.ts';

const [file, mapping] = process.argv.slice(2);
const summary = await runImport(
  {
    pool: { query: async () => ({ rows: [] }) } as never,
    stream: { append: async (documents) => documents.map(() => undefined) },
    parse: (arrival) => arrival as Incoming,
    resolvedDefaults: { placeId: 'unknown', currency: 'EUR', timeZone: 'UTC' },
    clock: { nowMs: () => Date.now() },
    progress: () => {},
  },
  { file: file!, ...(mapping === undefined ? {} : { mapping }) },
);
console.log(summary.documents);
