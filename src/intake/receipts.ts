import { Receipt, receiptValidator } from '../sales/receipt.ts';
import type { Arrival, Incoming, Line, Sale } from '../sales/sale.ts';
import { encodeRevision } from '../sales/versions.ts';
import { fitting, withoutNulls } from './optional-nulls.ts';
import type { ParseContext } from './parse-document.ts';
import { readJson } from './read-json.ts';
import { memberOf, shapeProblems } from './reject.ts';
import { readSaleFields, rejectSale, saleMembers } from './sale-fields.ts';
import { ValueReader } from './value-reader.ts';

const adviceOnNegative = '; a refund is a receipt of type "refund" with positive amounts';

/** A receipt's bytes as a sale, or rejected with every problem that was found. */
export function parseReceipt(arrival: Arrival, context: ParseContext): Incoming {
  const { value, problems } = readJson(arrival.body);
  if (problems !== undefined) return rejectSale(arrival, value, problems);
  const receipt = fitting(receiptValidator, Receipt, value);
  if (receipt === undefined) {
    const lines = { list: memberOf(value, 'items'), pointer: '/items' };
    return rejectSale(arrival, value, shapeProblems(receiptValidator, withoutNulls(Receipt, value), lines));
  }
  const reader = new ValueReader(arrival, context, adviceOnNegative);
  const sale = readReceipt(reader, receipt);
  if (reader.problems.length > 0) return rejectSale(arrival, value, reader.problems);
  return { ...arrival, sale };
}

function readReceipt(reader: ValueReader, receipt: Receipt): Sale {
  const fields = readSaleFields(reader, receipt);
  const lines = reader.each(receipt.items, '/items', readLine);
  const totalMinor = reader.amount(receipt.total_amount, '/total_amount');
  const ndsMinor = reader.amount(receipt.nds_amount, '/nds_amount');
  const tipsMinor = reader.amount(receipt.tips_amount ?? 0, '/tips_amount');
  const discountMinor = reader.amount(receipt.discount_amount ?? 0, '/discount_amount');
  const sum = reader.problems.length > 0 ? undefined : reader.sum(lines, '/items');
  if (sum !== undefined)
    reader.compareTotal(
      totalMinor - (sum - discountMinor),
      '/total_amount',
      (difference) => `total_amount differs by ${difference} from the lines less the discount`,
    );
  return {
    source: 'receipt',
    sourceId: receipt.transaction_id,
    version: encodeRevision(receipt.revision ?? 0),
    status: 'closed',
    ...fields,
    paymentMethod: receipt.payment_method,
    totalMinor,
    ndsMinor,
    tipsMinor,
    discountMinor,
    lines,
    flags: reader.flags,
    ...saleMembers(receipt),
  };
}

function readLine(reader: ValueReader, item: Receipt['items'][number]): Line {
  const quantityMilli = reader.quantity(item.quantity, '/quantity');
  const priceMinor = reader.amount(item.price, '/price');
  const amountMinor =
    item.amount === undefined
      ? reader.product(quantityMilli, priceMinor, '/quantity')
      : reader.amount(item.amount, '/amount');
  const line: Line = {
    productId: item.product_id,
    category: item.category,
    quantityMilli,
    priceMinor,
    amountMinor,
  };
  if (item.name !== undefined) line.name = item.name;
  return line;
}
