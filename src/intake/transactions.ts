import { averageMinor, maximumAmountMinor } from '../base/money.ts';
import type { Arrival, Incoming, Line, Sale } from '../sales/sale.ts';
import { Transaction, transactionValidator } from '../sales/transaction.ts';
import { encodeRevision } from '../sales/versions.ts';
import { fitting, withoutNulls } from './optional-nulls.ts';
import type { ParseContext } from './parse-document.ts';
import { readJson } from './read-json.ts';
import { shapeProblems } from './reject.ts';
import { readSaleFields, rejectSale, saleMembers } from './sale-fields.ts';
import { ValueReader } from './value-reader.ts';

const adviceOnNegative = '; a refund is a transaction of type "refund" with positive amounts';
const unknownPaymentMethod = 'unknown';

/** A transaction's bytes as a sale of one line, or rejected with every problem that was found. */
export function parseTransaction(arrival: Arrival, context: ParseContext): Incoming {
  const { value, problems } = readJson(arrival.body);
  if (problems !== undefined) return rejectSale(arrival, value, problems);
  const transaction = fitting(transactionValidator, Transaction, value);
  if (transaction === undefined) {
    const known = withoutNulls(Transaction, value);
    return rejectSale(arrival, value, shapeProblems(transactionValidator, known));
  }
  const reader = new ValueReader(arrival, context, adviceOnNegative);
  const sale = readTransaction(reader, transaction);
  if (reader.problems.length > 0) return rejectSale(arrival, value, reader.problems);
  return { ...arrival, sale };
}

function readTransaction(reader: ValueReader, transaction: Transaction): Sale {
  const fields = readSaleFields(reader, transaction);
  const quantityMilli = reader.quantity(transaction.quantity, '/quantity');
  const totalMinor = reader.amount(transaction.total_amount, '/total_amount');
  const discountMinor = reader.amount(transaction.discount_amount ?? 0, '/discount_amount');
  return {
    source: 'transaction',
    sourceId: transaction.transaction_id,
    version: encodeRevision(transaction.revision ?? 0),
    status: 'closed',
    ...fields,
    paymentMethod: transaction.payment_method ?? unknownPaymentMethod,
    totalMinor,
    ndsMinor: reader.amount(transaction.nds_amount ?? 0, '/nds_amount'),
    tipsMinor: reader.amount(transaction.tips_amount ?? 0, '/tips_amount'),
    discountMinor,
    lines: [readLine(reader, transaction.product_id, quantityMilli, totalMinor + discountMinor)],
    flags: reader.flags,
    ...saleMembers(transaction),
  };
}

/** Product figures are before the discount. The price follows from the amount, rounded half up. */
function readLine(reader: ValueReader, productId: string, quantityMilli: number, amountMinor: number): Line {
  const priceMinor = averageMinor(amountMinor * 1000, quantityMilli) ?? 0;
  if (amountMinor >= maximumAmountMinor || priceMinor >= maximumAmountMinor)
    reader.problem('/total_amount', 'out_of_range', 'total_amount / quantity is out of range');
  return { productId, quantityMilli, priceMinor, amountMinor };
}
