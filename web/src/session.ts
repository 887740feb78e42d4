import type { GetTokensCurrentAnswer } from './api-answers.ts';
import { createStore, useStore } from './store.ts';

/** What the token may do, as the program tells it. */
export type Identity = GetTokensCurrentAnswer;
export type Role = Identity['roles'][number];
export type Session = {
  token?: string;
  identity?: Identity;
  /** Why the reader has to sign in again. */
  ended?: 'expired' | 'signed_out';
};

const key = 'tillstream.token';

/** For this browser tab alone: a session storage is gone with it. */
export const sessionStore = createStore<Session>(readSession());

function readSession(): Session {
  // A fragment never reaches a server; it is taken out of the address at once.
  const given = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    history.replaceState(null, '', location.pathname + location.search);
    const token = readGiven(given);
    keepToken(token);
    return { token };
  }
  try {
    const token = sessionStorage.getItem(key);
    return token === null ? {} : { token };
  } catch {
    return {};
  }
}

/** What somebody pasted may be cut in the middle of a sign. */
function readGiven(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function keepToken(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, token);
  } catch {
    // Without storage the token lasts until the page is loaded anew.
  }
}

export function startSession(token: string): void {
  keepToken(token);
  sessionStore.set({ token });
}

export function confirmSession(token: string, identity: Identity): void {
  if (sessionStore.get().token === token) sessionStore.set({ token, identity });
}

export function endSession(ended: NonNullable<Session['ended']>): void {
  keepToken(undefined);
  sessionStore.set({ ended });
}

/** Whether the token has one of these roles; `admin` may do everything. */
export function hasRole(identity: Identity | undefined, roles: readonly Role[]): boolean {
  if (identity === undefined) return false;
  return identity.roles.includes('admin') || roles.some((role) => identity.roles.includes(role));
}

/** Who is signed in; pages are shown to nobody else. */
export function useIdentity(): Identity {
  const { identity } = useStore(sessionStore);
  if (identity === undefined) throw new Error('a page is shown before the token is confirmed');
  return identity;
}

/** Whether the signed-in token has one of these roles. */
export function useRole(...roles: Role[]): boolean {
  return hasRole(useStore(sessionStore).identity, roles);
}
