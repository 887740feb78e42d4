import { type AnchorHTMLAttributes, type MouseEvent, useCallback, useMemo } from 'react';
import { createStore, useStore } from './store.ts';

/** The folder that the dashboard is served from: `/`, or BASE_PATH with a slash at its end. */
const basePath = new URL(document.baseURI).pathname;

export type Address = { path: string; search: string };

const readAddress = (): string => location.pathname + location.search;
const addressStore = createStore(readAddress());
window.addEventListener('popstate', () => addressStore.set(readAddress()));

/** `sales?from=…` below the base; `replace` leaves no step for the back button. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  const target = basePath + to.replace(/^\//, '');
  if (target === readAddress()) return;
  if (options.replace === true) history.replaceState(null, '', target);
  else {
    const isOtherPage = target.split('?')[0] !== location.pathname;
    history.pushState(null, '', target);
    if (isOtherPage) window.scrollTo(0, 0);
  }
  addressStore.set(readAddress());
}

/** Where the reader is, below the base, segments still encoded: `{ path: 'customers/a%2F7', search: '?tag=vip' }`. */
export function useAddress(): Address {
  const address = useStore(addressStore);
  return useMemo(() => {
    const url = new URL(address, location.origin);
    const path = url.pathname.startsWith(basePath) ? url.pathname.slice(basePath.length) : '';
    return { path: path.replace(/\/$/, ''), search: url.search };
  }, [address]);
}

/** Path segments are encoded, so an id may hold anything: `pathOf('customers', id)`. */
export function pathOf(...segments: string[]): string {
  return segments.map(encodeURIComponent).join('/');
}

/**
 * The query string as the state of a page: what equals its default is left out of the address, and so is
 * what is empty. `set` changes some members and keeps the others.
 */
export function useQueryState<T extends Record<string, string>>(
  defaults: T,
): [T, (changes: Partial<T>, options?: { replace?: boolean }) => void] {
  const { path, search } = useAddress();
  const state = useMemo(() => {
    const given = new URLSearchParams(search);
    const entries = Object.entries(defaults).map(([name, value]) => [name, given.get(name) ?? value]);
    return Object.fromEntries(entries) as T;
  }, [search, defaults]);
  const set = useCallback(
    (changes: Partial<T>, options: { replace?: boolean } = {}) => {
      const next = new URLSearchParams(search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === defaults[name]) next.delete(name);
        else next.set(name, value);
      }
      const query = next.toString();
      navigate(`${path}${query === '' ? '' : `?${query}`}`, options);
    },
    [path, search, defaults],
  );
  return [state, set];
}

/** A link inside the dashboard; with a modifier key it opens as any other. */
export function Link({ to, ...rest }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  function follow(event: MouseEvent<HTMLAnchorElement>): void {
    rest.onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  }
  return <a {...rest} href={basePath + to.replace(/^\//, '')} onClick={follow} />;
}
