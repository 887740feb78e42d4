/**
 * Loaded into every test file by `npm test`: a file that leaves something open would keep the whole run waiting
 * for ever, so it is ended, failed, and told what it left.
 */
import { after } from 'node:test';

/** Files drop databases and stop servers in hooks that come after this one. */
const graceMs = 60_000;

// The runner itself has no tests of its own.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  after(() => {
    const timer = setTimeout(() => {
      const open = process.getActiveResourcesInfo().join(', ');
      console.error(`${process.argv[1]} does not end by itself; still open: ${open}`);
      process.exit(1);
    }, graceMs);
    timer.unref();
  });
}
