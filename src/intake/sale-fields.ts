import type { Problem } from '../base/errors.ts';
import type { Receipt } from '../sales/receipt.ts';
import type { Arrival, Incoming, Sale } from '../sales/sale.ts';
import type { Transaction } from '../sales/transaction.ts';
import { memberOf, reject } from './reject.ts';
import type { ValueReader } from './value-reader.ts';

/** Receipts and transactions say these in the same words. The currency is read before any amount is. */
export function readSaleFields(
  reader: ValueReader,
  document: Receipt | Transaction,
): Pick<Sale, 'kind' | 'placeId' | 'time' | 'currency'> {
  const nested = document.place_id === undefined && document.place?.place_id !== undefined;
  const placeId = reader.placeId(
    document.place_id ?? document.place?.place_id,
    nested ? '/place/place_id' : '/place_id',
  );
  const time = reader.time(document.timestamp, '/timestamp', placeId);
  const currency = reader.currencyOf(document.currency, '/currency', placeId, time);
  return { kind: document.type ?? 'sale', placeId, time, currency };
}

/** Those that a sale has only where its document names them. */
export function saleMembers(
  document: Receipt | Transaction,
): Pick<Sale, 'placeName' | 'customerId' | 'customerName' | 'originalId'> {
  const placeName = document.place_name ?? document.place?.place_name;
  return {
    ...(placeName === undefined ? {} : { placeName }),
    ...(document.customer_id === undefined ? {} : { customerId: document.customer_id }),
    ...(document.customer_name === undefined ? {} : { customerName: document.customer_name }),
    ...(document.original_transaction_id === undefined
      ? {}
      : { originalId: document.original_transaction_id }),
  };
}

export function rejectSale(arrival: Arrival, value: unknown, problems: Problem[]): Incoming {
  const placeIds = [memberOf(value, 'place_id'), memberOf(memberOf(value, 'place'), 'place_id')];
  return reject(arrival, { sourceId: memberOf(value, 'transaction_id'), placeIds }, problems);
}
