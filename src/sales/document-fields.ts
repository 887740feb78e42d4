import { Type } from 'typebox';
import { fitsKey, maximumIdBytes, maximumIdCharacters } from '../base/ids.ts';

export const maximumLines = 10_000;

export const idField = (description: string) =>
  Type.Refine(
    Type.String({ minLength: 1, maxLength: maximumIdCharacters, description }),
    fitsKey,
    () => `must not take more than ${maximumIdBytes} bytes of UTF-8`,
  );

/** An id that some systems write as a number. */
export const numericIdField = (description: string) =>
  Type.Refine(
    Type.Unsafe<string | number>({
      type: ['string', 'integer'],
      minLength: 1,
      maxLength: maximumIdCharacters,
      description,
    }),
    (id) => typeof id === 'number' || fitsKey(id),
    () => `must not take more than ${maximumIdBytes} bytes of UTF-8`,
  );

export const textField = (description: string) => Type.String({ maxLength: 1000, description });

/** A decimal number, or the same as a string; how many decimals it may have is the currency's matter. */
export const decimalField = (description: string) =>
  Type.Unsafe<number | string>({ type: ['number', 'string'], description });

export const timeField = (description: string) => Type.String({ maxLength: 64, description });

export const paymentMethodField = Type.String({ minLength: 1, maxLength: 100 });

export const currencyField = Type.String({
  maxLength: 32,
  description: 'ISO 4217; that of the place where it is not given',
});

/** What receipts and transactions may say besides what makes them one. */
export const saleFields = {
  timestamp: timeField('ISO 8601; without offset it is read in the time zone of the place'),
  place_id: Type.Optional(idField('the place')),
  place_name: Type.Optional(textField('its name; the newest wins')),
  place: Type.Optional(
    Type.Object({
      place_id: Type.Optional(idField('the place')),
      place_name: Type.Optional(textField('its name')),
    }),
  ),
  tips_amount: Type.Optional(decimalField('tips, on top of the total')),
  discount_amount: Type.Optional(decimalField('given on the whole sale')),
  customer_id: Type.Optional(idField('the customer')),
  customer_name: Type.Optional(textField('their name')),
  currency: Type.Optional(currencyField),
  type: Type.Optional(Type.Unsafe<'sale' | 'refund'>({ type: 'string', enum: ['sale', 'refund'] })),
  original_transaction_id: Type.Optional(idField('what a refund takes back')),
  revision: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'a higher one corrects what was sent' }),
  ),
};
