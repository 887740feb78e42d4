/** Logs as many lines as it is told to the folder given, with turns of the event loop between them. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { openLog } from '../../src/base/log.ts';

const [folder = '', lines = '0'] = process.argv.slice(2);
const log = await openLog('info', { folder, size: '10k', files: 3 });
for (let n = 0; n < Number(lines); n++) {
  log.info({ n, token: 'hunter2', pad: 'x'.repeat(100) }, 'line');
  log.debug('not at this level');
  if (n === 20 && path.basename(folder) === 'goes-away') rmSync(folder, { recursive: true });
  await new Promise(setImmediate);
}
