import { stopSignal } from '../base/lifecycle.ts';
import { createLog, type Log } from '../base/log.ts';
import { createMetrics, type Metrics } from '../base/metrics.ts';
import { type Config, readConfig } from '../config.ts';
import { openWarehouse, type Warehouse } from '../open-warehouse.ts';

export const stoppedBySignal = 130;

export type Opened = {
  warehouse: Warehouse;
  config: Config;
  log: Log;
  metrics: Metrics;
  /** Aborted by Ctrl-C; the work then ends early, however it likes. */
  signal: AbortSignal;
};

/**
 * Opens the warehouse for the length of one command. Ctrl-C ends the work, then everything is closed: a
 * PostgreSQL that the command started stops with it. Exit code 130.
 */
export async function withWarehouse(
  options: { applicationName: string; followers: boolean; config?: Config },
  work: (opened: Opened) => Promise<void>,
): Promise<void> {
  const { config = readConfig(), applicationName, followers } = options;
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  const metrics = createMetrics();
  // Before anything is started: a signal that nobody listens to would leave the server behind.
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new Error('stopped by a signal')));
  const { signal } = stop;
  const warehouse = await openWarehouse({ config, log, metrics, applicationName, followers });
  try {
    signal.throwIfAborted();
    await work({ warehouse, config, log, metrics, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    console.error('stopped');
    process.exitCode = stoppedBySignal;
  } finally {
    await warehouse.close();
  }
}
