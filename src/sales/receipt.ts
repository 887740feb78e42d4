import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { fitsKey, maximumIdBytes, maximumIdCharacters } from '../base/ids.ts';

const id = (description: string) =>
  Type.Refine(
    Type.String({ minLength: 1, maxLength: maximumIdCharacters, description }),
    fitsKey,
    () => `must not take more than ${maximumIdBytes} bytes of UTF-8`,
  );
const text = (description: string) => Type.String({ maxLength: 1000, description });
/** A decimal number, or the same as a string; how many decimals it may have is the currency's matter. */
const decimal = (description: string) =>
  Type.Unsafe<number | string>({ type: ['number', 'string'], description });

export const maximumLines = 10_000;

const Item = Type.Object({
  product_id: id('the product'),
  name: Type.Optional(text('its name')),
  quantity: decimal('over 0, up to three decimals'),
  price: decimal('of one unit'),
  amount: Type.Optional(decimal('of the line; quantity × price, rounded half up, where it is not given')),
  category: id('the category it counts for'),
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
    transaction_id: id('unique among receipts (with IDENTITY=place: among those of the place)'),
    timestamp: Type.String({
      maxLength: 64,
      description: 'ISO 8601; without offset it is read in the time zone of the place',
    }),
    place_id: Type.Optional(id('the place')),
    place_name: Type.Optional(text('its name; the newest wins')),
    place: Type.Optional(
      Type.Object({ place_id: Type.Optional(id('the place')), place_name: Type.Optional(text('its name')) }),
    ),
    items: Type.Array(Item, { minItems: 1, maxItems: maximumLines }),
    total_amount: decimal('the lines less the discount'),
    nds_amount: decimal('VAT, inside the total'),
    tips_amount: Type.Optional(decimal('tips, on top of the total')),
    discount_amount: Type.Optional(decimal('given on the whole receipt')),
    payment_method: Type.String({ minLength: 1, maxLength: 100 }),
    customer_id: Type.Optional(id('the customer')),
    customer_name: Type.Optional(text('their name')),
    currency: Type.Optional(
      Type.String({ maxLength: 32, description: 'ISO 4217; that of the place where it is not given' }),
    ),
    type: Type.Optional(Type.Unsafe<'sale' | 'refund'>({ type: 'string', enum: ['sale', 'refund'] })),
    original_transaction_id: Type.Optional(id('what a refund takes back')),
    revision: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'a higher one corrects the receipt' }),
    ),
  },
  { examples: [receiptExample] },
);

export type Receipt = Static<typeof Receipt>;

export const receiptValidator = Compile(Receipt);
