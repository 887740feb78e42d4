import type { Client, Database } from '../base/db.ts';

const cancelEveryMs = 200;

/**
 * Cancels what runs on a connection once the signal is aborted: the statement fails with SQLSTATE 57014.
 * Call what it answers before the connection is given back.
 */
export function cancelOnAbort(pool: Database, client: Client, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {};
  signal.throwIfAborted();
  const { processID } = client as Client & { processID: number };
  let timer: NodeJS.Timeout | undefined;
  const cancel = () => {
    pool.query('select pg_cancel_backend($1)', [processID]).catch(() => {});
    // Again and again, since the statement may reach the server after the first try.
    timer = setTimeout(cancel, cancelEveryMs);
  };
  signal.addEventListener('abort', cancel, { once: true });
  return () => {
    signal.removeEventListener('abort', cancel);
    clearTimeout(timer);
  };
}
