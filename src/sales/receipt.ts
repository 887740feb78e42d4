import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  decimalField,
  idField,
  maximumLines,
  paymentMethodField,
  saleFields,
  textField,
} from './document-fields.ts';

const Item = Type.Object({
  product_id: idField('the product'),
  name: Type.Optional(textField('its name')),
  quantity: decimalField('over 0, up to three decimals'),
  price: decimalField('of one unit'),
  amount: Type.Optional(
    decimalField('of the line; quantity × price, rounded half up, where it is not given'),
  ),
  category: idField('the category it counts for'),
});

export const receiptExample = {
  transaction_id: 'unique_transaction_id297',
  timestamp: '2024-02-07T12:34:56',
  place_id: 'unique_place_id1',
  place_name: 'Store ABCE',
  items: [
    { product_id: 'product_id_1', quantity: 2, price: 10.99, category: 'groceries' },
    { product_id: 'product_id_2', quantity: 1, price: 5.49, category: 'electronics' },
  ],
  total_amount: 27.47,
  nds_amount: 2.47,
  tips_amount: 3.0,
  payment_method: 'credit_card',
};

/** The till receipt as it arrives. Fields that are not named here are kept in the journal. */
export const Receipt = Type.Object(
  {
    transaction_id: idField('unique among receipts (with IDENTITY=place: among those of the place)'),
    ...saleFields,
    items: Type.Array(Item, { minItems: 1, maxItems: maximumLines }),
    total_amount: decimalField('the lines less the discount'),
    nds_amount: decimalField('VAT, inside the total'),
    payment_method: paymentMethodField,
  },
  { examples: [receiptExample] },
);

export type Receipt = Static<typeof Receipt>;

export const receiptValidator = Compile(Receipt);
