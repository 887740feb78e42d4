import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { decimalField, idField, paymentMethodField, saleFields } from './document-fields.ts';

export const transactionExample = {
  transaction_id: 'transaction-1001',
  product_id: 'product_id_1',
  quantity: 2,
  total_amount: 21.98,
  timestamp: '2024-02-07T12:34:56',
  place_id: 'unique_place_id1',
  customer_id: 'customer-7',
};

/**
 * One product sold, as it arrives. Name and category are those of the product catalogue. Fields that are not
 * named here are kept in the journal.
 */
export const Transaction = Type.Object(
  {
    transaction_id: idField('unique among transactions (with IDENTITY=place: among those of the place)'),
    product_id: idField('the product; its name and category come from the catalogue'),
    quantity: decimalField('over 0, up to three decimals'),
    total_amount: decimalField('what was paid, less the discount'),
    ...saleFields,
    nds_amount: Type.Optional(decimalField('VAT, inside the total; 0 where it is not given')),
    payment_method: Type.Optional(paymentMethodField),
  },
  { examples: [transactionExample] },
);

export type Transaction = Static<typeof Transaction>;

export const transactionValidator = Compile(Transaction);
