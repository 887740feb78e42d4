/**
 * A program that uses the embedded server of the folder given, to be killed by tests: prints one line of
 * JSON when the server is up, or with the error's code, and leaves on SIGINT or SIGTERM.
 */
import { stopSignal } from '../../src/base/lifecycle.ts';
import { createLog } from '../../src/base/log.ts';
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';

const asked = stopSignal();
try {
  const server = await openEmbeddedPostgres({
    dataDir: process.argv[2]!,
    log: createLog('silent'),
    settings: { fsync: 'off', shared_buffers: '16MB' },
  });
  console.log(JSON.stringify({ connectionString: server.connectionString, adopted: server.adopted }));
  await asked;
  await server.stop();
  process.exit(0);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  console.log(JSON.stringify({ code, message }));
  process.exit(1);
}
