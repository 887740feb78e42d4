import { uuid5Bytes, uuidText } from '../base/uuid5.ts';
import type { Source } from '../sales/sale.ts';

/** What an order's own id must not look like, so that no two sales have one business key. */
const sourcePrefix = /^(?:receipt|transaction|order|daily):/;

export type SaleIdentity = { source: Source; sourceId: string; placeId: string };

/**
 * The business key of a sale: the id of an order, `source:id` of any other; where ids are told apart by place,
 * `source:"place":id`.
 */
export function orderIdOf({ source, sourceId, placeId }: SaleIdentity, identity: 'source' | 'place'): string {
  if (identity === 'place') return `${source}:${JSON.stringify(placeId)}:${sourceId}`;
  if (source === 'order' && !sourcePrefix.test(sourceId)) return sourceId;
  return `${source}:${sourceId}`;
}

/** The key of a link between two hubs, from their keys in the order of the link's columns. */
export function linkKey(first: string, second: Buffer): Buffer {
  return uuid5Bytes(`${first}/${uuidText(second)}`);
}

/** A thing and its key. */
export type Hub = { id: string; key: Buffer };
export type Stored = { id: string; key: Buffer; loadedAtMs: number; source: string };
export type StoredLink = { key: Buffer; from: Buffer; to: Buffer; loadedAtMs: number; source: string };

/** How many of one kind a process remembers as stored; past that it begins again, which only costs time. */
const remembered = 200_000;

/**
 * The hubs of one kind: what a batch names for the first time is gathered to be written, and remembered once
 * that is committed.
 */
function createHubKeys() {
  const stored = new Map<string, Buffer>();
  let fresh = new Map<string, Stored>();
  return {
    keyOf(id: string, loadedAtMs: number, source: string): Buffer {
      const known = stored.get(id) ?? fresh.get(id)?.key;
      if (known !== undefined) return known;
      const key = uuid5Bytes(id);
      fresh.set(id, { id, key, loadedAtMs, source });
      return key;
    },
    fresh: () => [...fresh.values()],
    committed(): void {
      if (stored.size > remembered) stored.clear();
      for (const { id, key } of fresh.values()) stored.set(id, key);
      fresh = new Map();
    },
    forget(): void {
      stored.clear();
      fresh = new Map();
    },
  };
}

/** The same for links between hubs that many sales share, by the ids of both. */
function createLinkKeys() {
  const stored = new Map<string, Set<string>>();
  let count = 0;
  let fresh: StoredLink[] = [];

  function forget(): void {
    stored.clear();
    count = 0;
    fresh = [];
  }

  return {
    note(from: Hub, to: Hub, loadedAtMs: number, source: string): void {
      let known = stored.get(from.id);
      if (known === undefined) {
        known = new Set();
        stored.set(from.id, known);
      } else if (known.has(to.id)) return;
      known.add(to.id);
      count++;
      const key = linkKey(uuidText(from.key), to.key);
      fresh.push({ key, from: from.key, to: to.key, loadedAtMs, source });
    },
    fresh: () => fresh,
    /** What is noted stands as stored, so a transaction that rolls back has to `forget`. */
    committed(): void {
      fresh = [];
      if (count > remembered) forget();
    },
    forget,
  };
}

/** All that is shared between sales and remembered by the follower of one vault. */
export function createVaultKeys() {
  const kinds = {
    users: createHubKeys(),
    products: createHubKeys(),
    categories: createHubKeys(),
    restaurants: createHubKeys(),
    productCategories: createLinkKeys(),
    productRestaurants: createLinkKeys(),
  };
  return {
    ...kinds,
    committed: () => Object.values(kinds).forEach((kind) => void kind.committed()),
    forget: () => Object.values(kinds).forEach((kind) => void kind.forget()),
  };
}

export type VaultKeys = ReturnType<typeof createVaultKeys>;
