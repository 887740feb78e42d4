import { createStore } from './store.ts';

/** False from the first request that found nobody until the program answers again. */
export const reachableStore = createStore(true);

const askAgainMs = 1_500;
/** Where some requests fail and others do not, each answer would have all pages ask anew. */
const quietMs = 1_000;
let isAsking = false;
let failedAtMs = Number.NEGATIVE_INFINITY;
const askReady = () => new URL('readyz', document.baseURI).href;

export function markReachable(): void {
  if (performance.now() - failedAtMs >= quietMs) reachableStore.set(true);
}

/** Asks the program now and then whether it is back; pages that wait ask anew when it is. */
export function markUnreachable(): void {
  failedAtMs = performance.now();
  reachableStore.set(false);
  if (isAsking) return;
  isAsking = true;
  setTimeout(askAgain, askAgainMs);
}

async function askAgain(): Promise<void> {
  isAsking = false;
  if (reachableStore.get()) return;
  const ready = await fetch(askReady(), { cache: 'no-store' }).then(
    (answer) => answer.ok,
    () => false,
  );
  if (ready) reachableStore.set(true);
  else markUnreachable();
}
