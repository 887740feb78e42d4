import { createKeptStore } from './store.ts';

/** `auto` follows the system. */
export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

export const themeStore = createKeptStore<Theme>('tillstream.theme', themes, 'auto');
themeStore.subscribe(markDocument);
markDocument();

function markDocument(): void {
  document.documentElement.dataset.theme = themeStore.get();
}

const darkSystem = window.matchMedia('(prefers-color-scheme: dark)');

/** Calls when the colours on the page have changed, for what is drawn and not styled. */
export function onColorsChange(listener: () => void): () => void {
  const unsubscribe = themeStore.subscribe(listener);
  darkSystem.addEventListener('change', listener);
  return () => {
    unsubscribe();
    darkSystem.removeEventListener('change', listener);
  };
}

export const prefersReducedMotion = (): boolean =>
  window.matchMedia('(prefers-reduced-motion: reduce)').matches;
