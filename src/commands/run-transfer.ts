import { CodedError } from '../base/errors.ts';
import { stopSignal } from '../base/lifecycle.ts';
import { createLog, type Log } from '../base/log.ts';
import { type Config, readConfig } from '../config.ts';
import { createTransferProgress } from '../transfer/progress.ts';
import { stoppedBySignal } from './with-warehouse.ts';

export type Transfer = {
  config: Config;
  log: Log;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  progress: ReturnType<typeof createTransferProgress>;
};

/**
 * The frame of backup, restore and move: Ctrl-C ends them with `whenStopped` and exit code 130; whatever the
 * databases or the disk object to is told in one line, with what was kept. Answers whether it came to its end.
 */
export async function runTransfer(
  { whenStopped, whenFailed }: { whenStopped: string; whenFailed: string },
  work: (transfer: Transfer) => Promise<void>,
): Promise<boolean> {
  const config = readConfig();
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new Error('stopped by a signal')));
  const { signal } = stop;
  const progress = createTransferProgress(process.stderr);
  try {
    await work({ config, log, signal, progress });
    return true;
  } catch (error) {
    progress.end();
    if (signal.aborted) {
      console.error(`stopped; ${whenStopped}`);
      process.exitCode = stoppedBySignal;
      return false;
    }
    if (error instanceof CodedError) throw error;
    throw new CodedError('transfer_failed', `${(error as Error).message}; ${whenFailed}`, { cause: error });
  } finally {
    progress.end();
  }
}
