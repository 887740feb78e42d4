import type { ReferenceSnapshot } from '../reference/reference.ts';
import { type Contribution, contributionOf } from '../sales/contribution.ts';
import type { Arrival, Sale } from '../sales/sale.ts';

/** What a sale adds to the marts under one version of the reference history. */
export function computeContribution(
  sale: Sale,
  arrival: Pick<Arrival, 'receivedAtMs' | 'resolved'>,
  snapshot: ReferenceSnapshot,
): Contribution | null {
  const { placeId, time } = sale;
  const { timeZone } = arrival.resolved;
  const settings = snapshot.placeSettings(placeId, time, timeZone);
  return contributionOf(sale, arrival.receivedAtMs, settings, (productId) =>
    snapshot.productCategory(placeId, productId, time, timeZone),
  );
}
