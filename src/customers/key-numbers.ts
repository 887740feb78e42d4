import { binaryColumn, type Client } from '../base/db.ts';
import { uuid5 } from '../base/uuid5.ts';
import type { Scope } from './count-sale.ts';

/** How many numbers a process remembers of each kind. */
const remembered = 200_000;

const insertCustomers = `
  insert into cdm.customer (customer_id, user_id)
  select i.id, i.uuid::uuid from unnest($1::text[], $2::text[]) as i(id, uuid)
  order by i.id
  on conflict (customer_id) do nothing`;
const readCustomers = `
  select user_no, customer_id from cdm.customer where customer_id = any($1::text[])
  union all
  select user_no, customer_id from cdm.customer_alias where customer_id = any($1::text[])`;

const insertKeys = `
  insert into cdm.counted_key (scope, key, key_id)
  select i.scope, i.key, i.uuid::uuid from unnest($1::text[], $2::text[], $3::text[]) as i(scope, key, uuid)
  order by i.scope, i.key
  on conflict (scope, key) do nothing`;
const readKeys = `
  select k.key_no, k.scope, k.key
  from unnest($1::text[], $2::text[]) as i(scope, key)
  join cdm.counted_key as k on k.scope = i.scope and k.key = i.key`;

const insertCurrencies = `
  insert into cdm.counted_currency (currency) select * from unnest($1::text[]) on conflict do nothing`;

type Key = { scope: Scope; key: string };

/** Each once. */
function unknownKeys(list: Iterable<Key>, known: Record<Scope, Map<string, number>>): Key[] {
  const unknown = new Map<string, Key>();
  for (const one of list) if (!known[one.scope].has(one.key)) unknown.set(`${one.scope} ${one.key}`, one);
  return [...unknown.values()];
}

/** The numbers that counters carry instead of ids; an id seen for the first time is given one. */
export function createKeyNumbers() {
  const customers = new Map<string, number>();
  const keys = {
    total: new Map<string, number>(),
    category: new Map<string, number>(),
    product: new Map<string, number>(),
  };
  const currencies = new Set<string>();

  async function findCustomers(client: Client, ids: readonly string[]): Promise<void> {
    const { rows } = await client.query<{ user_no: number; customer_id: string }>({
      name: 'read-customer-numbers',
      text: readCustomers,
      values: [binaryColumn('text', ids, (id) => id)],
    });
    for (const row of rows) customers.set(row.customer_id, row.user_no);
  }

  async function findKeys(client: Client, list: readonly Key[]): Promise<void> {
    const { rows } = await client.query<{ key_no: number; scope: Scope; key: string }>({
      name: 'read-key-numbers',
      text: readKeys,
      values: [binaryColumn('text', list, (one) => one.scope), binaryColumn('text', list, (one) => one.key)],
    });
    for (const row of rows) keys[row.scope].set(row.key, row.key_no);
  }

  return {
    /** What is remembered belongs to a committed transaction, or to one that rolled back and is forgotten. */
    forget(): void {
      customers.clear();
      for (const scope of Object.values(keys)) scope.clear();
      currencies.clear();
    },
    customer: (id: string): number | undefined => customers.get(id),
    key: (scope: Scope, key: string): number | undefined => keys[scope].get(key),

    /** Answers whether there was never another currency than this one. */
    async learnCurrencies(client: Client, list: Iterable<string>): Promise<boolean> {
      const fresh = [...new Set(list)].filter((currency) => !currencies.has(currency));
      if (fresh.length > 0)
        await client.query({
          name: 'insert-currencies',
          text: insertCurrencies,
          values: [binaryColumn('text', fresh, (currency) => currency)],
        });
      // Asked each time while there is one: another process may have met another.
      if (currencies.size > 1) return false;
      const { rows } = await client.query<{ currency: string }>('select currency from cdm.counted_currency');
      for (const { currency } of rows) currencies.add(currency);
      return currencies.size <= 1;
    },

    /** After this, `customer` and `key` know all of these. */
    async learn(client: Client, customerIds: Iterable<string>, keyList: Iterable<Key>): Promise<void> {
      if (customers.size > remembered) customers.clear();
      for (const scope of Object.values(keys)) if (scope.size > remembered) scope.clear();
      const ids = [...new Set(customerIds)].filter((id) => !customers.has(id));
      if (ids.length > 0) {
        await findCustomers(client, ids);
        const fresh = ids.filter((id) => !customers.has(id));
        if (fresh.length > 0) {
          await client.query({
            name: 'insert-customer-numbers',
            text: insertCustomers,
            values: [binaryColumn('text', fresh, (id) => id), binaryColumn('text', fresh, uuid5)],
          });
          await findCustomers(client, fresh);
        }
      }
      const unknown = unknownKeys(keyList, keys);
      if (unknown.length === 0) return;
      await findKeys(client, unknown);
      const fresh = unknown.filter((one) => !keys[one.scope].has(one.key));
      if (fresh.length === 0) return;
      await client.query({
        name: 'insert-key-numbers',
        text: insertKeys,
        values: [
          binaryColumn('text', fresh, (one) => one.scope),
          binaryColumn('text', fresh, (one) => one.key),
          binaryColumn('text', fresh, (one) => uuid5(one.key)),
        ],
      });
      await findKeys(client, fresh);
    },
  };
}

export type KeyNumbers = ReturnType<typeof createKeyNumbers>;
