import { averageMinor } from '../base/money.ts';
import { resolveTime, zonedInstantMs } from '../base/time.ts';
import type { ReferenceSnapshot } from '../reference/reference.ts';
import type { Arrival, Incoming, Line, Sale, SaleStatus } from '../sales/sale.ts';
import { readContribution, type StoredContribution } from '../sales/stored-contribution.ts';
import type { FollowedRow } from './read-journal.ts';

/** With a snapshot, the document is read under that version of the reference history. */
export type Parse = (arrival: Arrival, snapshot: ReferenceSnapshot) => Incoming;

export type VaultLine = Pick<Line, 'productId' | 'quantityMilli' | 'priceMinor' | 'amountMinor'> & {
  name?: string | undefined;
  number: number;
  category: string;
};

/** One version of a sale as the vault keeps it. Money in minor units, quantity in thousandths. */
export type VaultSale = Pick<
  Sale,
  | ('source' | 'sourceId' | 'version' | 'status' | 'kind' | 'placeId' | 'placeName' | 'customerId')
  | (
      | 'customerName'
      | 'currency'
      | 'paymentMethod'
      | 'totalMinor'
      | 'discountMinor'
      | 'ndsMinor'
      | 'tipsMinor'
    )
> & {
  saleSeq: number;
  position: number;
  loadedAtMs: number;
  businessDate: string;
  saleAtMs: number;
  /** By which the newest name wins: near enough, a time without zone is compared as if it were UTC. */
  namedAtMs: number;
  lines: VaultLine[];
  statuses: readonly SaleStatus[];
  /** A daily file's lines stand in `stg.daily_line` under this number; `lines` is empty. */
  documentId?: number;
  /** How many lines there are. */
  count: number;
};

const unknownCategory = 'unknown';

/** What a row says of its sale; undefined where neither its document nor what it put in can be read. */
export function readSale(row: FollowedRow, snapshot: ReferenceSnapshot, parse: Parse): VaultSale | undefined {
  if (row.source === 'daily' || row.document === null || row.resolved === null)
    return row.contribution === null ? undefined : saleOfContribution(row, row.contribution);
  const { resolved } = row;
  const arrival: Arrival = {
    source: row.source,
    receivedAtMs: row.received_at.getTime(),
    contentType: row.content_type ?? 'application/json',
    body: row.document,
    resolved,
  };
  const { sale } = parse(arrival, snapshot);
  return sale === undefined ? undefined : saleOfDocument(row, sale, snapshot, resolved.timeZone);
}

function saleOfDocument(
  row: FollowedRow,
  sale: Sale,
  snapshot: ReferenceSnapshot,
  timeZone: string,
): VaultSale {
  const { placeId, time } = sale;
  const settings = snapshot.placeSettings(placeId, time, timeZone);
  const { businessDate, epochMs } = resolveTime(time, settings.timeZone, settings.businessDayStart);
  const lines = sale.lines.map((line, index) => ({
    productId: line.productId,
    name: line.name,
    quantityMilli: line.quantityMilli,
    priceMinor: line.priceMinor,
    amountMinor: line.amountMinor,
    number: index + 1,
    category:
      line.category ?? snapshot.productCategory(placeId, line.productId, time, timeZone) ?? unknownCategory,
  }));
  return {
    ...sale,
    saleSeq: row.sale_seq ?? 0,
    position: row.position,
    loadedAtMs: row.received_at.getTime(),
    businessDate,
    saleAtMs: epochMs,
    namedAtMs: zonedInstantMs(time),
    lines,
    statuses: sale.statuses ?? [],
    count: lines.length,
  };
}

/** From what the marts were given: always for a daily file, and where a document can be read no more. */
export function saleOfContribution(row: FollowedRow, stored: StoredContribution): VaultSale {
  const put = readContribution(stored);
  const lines = put.products
    // A row of no money and no quantity only corrects how often a receipt was counted.
    .filter(([, , quantityMilli, amountMinor]) => quantityMilli !== 0 || amountMinor !== 0)
    .map(([productId, category, quantityMilli, amountMinor], index) => {
      const priceMinor = averageMinor(amountMinor * 1000, quantityMilli) ?? 0;
      return { number: index + 1, productId, category, quantityMilli, priceMinor, amountMinor };
    });
  return {
    source: row.source,
    sourceId: row.source_id ?? '',
    version: row.version ?? '',
    saleSeq: row.sale_seq ?? 0,
    position: row.position,
    loadedAtMs: row.received_at.getTime(),
    status: 'closed',
    kind: put.refund === 1 ? 'refund' : 'sale',
    placeId: put.place,
    currency: put.currency,
    paymentMethod: put.payment,
    totalMinor: put.total,
    discountMinor: put.discount,
    ndsMinor: put.nds,
    tipsMinor: put.tips,
    businessDate: put.date,
    saleAtMs: put.at * 1000,
    namedAtMs: row.source === 'daily' ? Date.parse(`${put.date}T00:00:00Z`) : put.at * 1000,
    lines,
    statuses: [],
    count: put.count ?? lines.length,
    ...(put.customer === undefined ? {} : { customerId: put.customer }),
    ...(put.lines === undefined ? {} : { documentId: put.lines }),
  };
}
