import { useSyncExternalStore } from 'react';

export type Store<T> = { get(): T; set(value: T): void; subscribe(listener: () => void): () => void };

/** One value that components and plain code share. */
export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** A choice of the reader that outlives the session; private windows may refuse to keep it. */
export function createKeptStore<T extends string>(key: string, choices: readonly T[], initial: T): Store<T> {
  const store = createStore(readKept(key, choices) ?? initial);
  store.subscribe(() => {
    try {
      localStorage.setItem(key, store.get());
    } catch {
      // It holds until the page is left.
    }
  });
  return store;
}

function readKept<T extends string>(key: string, choices: readonly T[]): T | undefined {
  try {
    const kept = localStorage.getItem(key);
    return choices.find((choice) => choice === kept);
  } catch {
    return undefined;
  }
}
