import { createHmac } from 'node:crypto';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import { type ProductIdScope, scopedId } from '../sales/id-scope.ts';
import type { Incoming } from '../sales/sale.ts';
import { redactBody } from './redact-document.ts';

/** What a customer is known by once erased: nobody without the key can tell who it was. */
export function customerHash(erasureKey: string, customerId: string): Buffer {
  return createHmac('sha256', erasureKey).update(customerId, 'utf8').digest();
}

/** Stands among the hashes, so that another key is noticed. */
export const keyCheck = '';

const readErased = `
  select state.version, e.customer_hash from ops.reference_state as state
  left join ops.erased_customer as e on true`;

/**
 * The people who were erased, as of a version of the reference history: an erasure raises it under the lock
 * that loads share, so a load that uses the version knows of everyone erased before.
 */
export async function createErasedCustomers(deps: {
  pool: Database;
  erasureKey: string | undefined;
  productIdScope: ProductIdScope;
}) {
  let version = -1;
  let hashes = new Set<string>();

  const isErased = (customerId: string) =>
    hashes.has(customerHash(deps.erasureKey!, customerId).toString('latin1'));

  const isErasedAt = (placeId: string) => (id: string) => isErased(scopedId(placeId, id));

  function withoutErased(arrival: Incoming): Incoming {
    const customerId = arrival.sale?.customerId;
    if (arrival.sale !== undefined && (customerId === undefined || !isErased(customerId))) return arrival;
    // What is no sale may name a person all the same.
    const isPerson = deps.productIdScope === 'place' ? isErasedAt(placeOf(arrival)) : isErased;
    const body = redactBody(arrival.body, isPerson, undefined);
    if (body === undefined) return arrival;
    const redacted = { ...arrival, body, originalBody: arrival.originalBody ?? arrival.body };
    if (arrival.sale === undefined) return redacted;
    const { customerId: _id, customerName: _name, ...sale } = arrival.sale;
    return { ...redacted, sale } as Incoming;
  }

  const erased = {
    version: () => version,
    isErased: (customerId: string) => hashes.size > 0 && isErased(customerId),
    async refresh(): Promise<void> {
      const { rows } = await deps.pool.query<{ version: number; customer_hash: Buffer | null }>(readErased);
      const found = rows.flatMap((row) => row.customer_hash ?? []);
      checkKey(deps.erasureKey, found);
      hashes = new Set(found.map((hash) => hash.toString('latin1')));
      version = rows[0]!.version;
    },
    /** The same documents without the people who were erased. */
    strip(batch: readonly Incoming[]): readonly Incoming[] {
      return hashes.size === 0 ? batch : batch.map(withoutErased);
    },
  };
  await erased.refresh();
  return erased;
}

/** Whose customers a document names. */
function placeOf(arrival: Incoming): string {
  if (arrival.sale !== undefined) return arrival.sale.placeId;
  return arrival.placeId ?? arrival.resolved.placeId;
}

function checkKey(erasureKey: string | undefined, hashes: readonly Buffer[]): void {
  if (hashes.length === 0) return;
  const isSame =
    erasureKey !== undefined && hashes.some((hash) => hash.equals(customerHash(erasureKey, keyCheck)));
  if (isSame) return;
  throw new CodedError(
    'invalid_configuration',
    'people were erased from this database under another ERASURE_KEY; set it to that one, so that they stay erased',
  );
}
