import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  currencyField,
  decimalField,
  idField,
  maximumLines,
  numericIdField,
  paymentMethodField,
  textField,
  timeField,
} from './document-fields.ts';

/** In the order in which an order goes through them: of two messages of one second the later state wins. */
export const orderStatuses = ['OPEN', 'COOKING', 'DELIVERING', 'CLOSED', 'CANCELLED'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

/** The only kind of message that is a sale; all others are journaled and otherwise ignored. */
export const orderObjectType = 'order';

export const orderExample = {
  object_id: 1371198,
  object_type: 'order',
  sent_dttm: '2023-04-08 20:27:36',
  payload: {
    restaurant: { id: 'ef8c42c19b7518a9aebec106' },
    date: '2023-04-01 20:45:43',
    user: { id: '626a81ce9a8cd1920641e29c' },
    order_items: [{ id: 'aeca4d08abab78869c20128c', name: 'Рис с лимоном', price: 175, quantity: 5 }],
    bonus_payment: 0,
    cost: 875,
    payment: 875,
    bonus_grant: 0,
    statuses: [
      { status: 'CLOSED', dttm: '2023-04-01 20:45:43' },
      { status: 'DELIVERING', dttm: '2023-04-01 20:12:14' },
      { status: 'COOKING', dttm: '2023-04-01 19:14:45' },
      { status: 'OPEN', dttm: '2023-04-01 18:55:52' },
    ],
    final_status: 'CLOSED',
    update_ts: '2023-04-01 20:45:43',
  },
};

const Item = Type.Object({
  id: idField('the dish'),
  name: Type.Optional(textField('its name')),
  price: decimalField('of one portion'),
  quantity: decimalField('over 0, up to three decimals'),
});

const Payload = Type.Object({
  restaurant: Type.Optional(Type.Object({ id: Type.Optional(idField('the place')) })),
  date: timeField('ISO 8601; without offset it is read in the time zone of the restaurant'),
  user: Type.Optional(Type.Object({ id: Type.Optional(idField('the customer')) })),
  order_items: Type.Array(Item, { maxItems: maximumLines, description: 'at least one in a closed order' }),
  cost: decimalField('what the dishes cost; the sales of the order'),
  bonus_payment: Type.Optional(decimalField('paid with bonuses; the discount of the order')),
  payment: Type.Optional(decimalField('what is left to pay: cost less bonus_payment')),
  bonus_grant: Type.Optional(Type.Unknown({ description: 'kept, and not counted' })),
  statuses: Type.Optional(
    Type.Array(
      Type.Object({ status: Type.String({ minLength: 1, maxLength: 100 }), dttm: timeField('when') }),
    ),
  ),
  final_status: Type.Unsafe<OrderStatus>({
    type: 'string',
    enum: [...orderStatuses],
    description: 'only CLOSED counts; CANCELLED takes back what counted',
  }),
  update_ts: timeField('the version of the order, read as UTC; a later message replaces an earlier one'),
  payment_method: Type.Optional(paymentMethodField),
  tips_amount: Type.Optional(decimalField('tips, on top of the cost; 0 where it is not given')),
  nds_amount: Type.Optional(decimalField('VAT, inside the cost; 0 where it is not given')),
  currency: Type.Optional(currencyField),
});

/**
 * One message about a restaurant's order, as it arrives. `payment_method`, `tips_amount`, `nds_amount` and
 * `currency` are this program's additions to the format, all optional. Fields that are not named here are
 * kept in the journal.
 */
export const Order = Type.Object(
  {
    object_id: numericIdField('the order; 7 and "7" are the same'),
    object_type: Type.String({ description: 'order; messages of other types are kept, and not counted' }),
    sent_dttm: Type.Optional(timeField('when the message was sent; tells messages of one update_ts apart')),
    payload: Payload,
  },
  { examples: [orderExample] },
);

export type Order = Static<typeof Order>;

export const orderValidator = Compile(Order);
