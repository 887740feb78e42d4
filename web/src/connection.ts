import { createStore } from './store.ts';

/** False from the first request that found nobody until the program answers again. */
export const reachableStore = createStore(true);

const askAgainMs = 1_500;
let isAsking = false;
const askReady = () => new URL('readyz', document.baseURI).href;

export function markReachable(): void {
  reachableStore.set(true);
}

/** Asks the program now and then whether it is back; pages that wait ask anew when it is. */
export function markUnreachable(): void {
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
  if (ready) markReachable();
  else markUnreachable();
}
