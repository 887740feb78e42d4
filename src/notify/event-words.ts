import type { Language } from './channel.ts';

/** What a text about an event is made of. */
export type EventWords = {
  fired: string;
  resolved: string;
  test: string;
  testBody: (channelId: string) => string;
  everyPlace: string;
  below: (bound: string) => string;
  above: (bound: string) => string;
  value: string;
  usual: string;
  window: string;
  firedAt: string;
  resolvedAt: string;
  drivers: string;
  insteadOf: (value: string, baseline: string) => string;
  metrics: Readonly<Record<string, string>>;
  driverKinds: Readonly<Record<string, string>>;
};

const english: EventWords = {
  fired: 'Alert',
  resolved: 'Resolved',
  test: 'Test message',
  testBody: (channelId) => `The channel ${channelId} works: alerts will come here.`,
  everyPlace: 'all places',
  below: (bound) => `below ${bound}`,
  above: (bound) => `above ${bound}`,
  value: 'value',
  usual: 'Usual',
  window: 'Period',
  firedAt: 'Fired',
  resolvedAt: 'Resolved',
  drivers: 'What contributed most',
  insteadOf: (value, baseline) => `${value} instead of ${baseline}`,
  metrics: {
    sales: 'sales',
    net: 'net sales',
    receipts: 'receipts',
    units: 'units',
    average_receipt: 'average receipt',
    refunds: 'refunds',
    refund_receipts: 'refund receipts',
    refund_rate: 'refunds in percent of sales',
    discounts: 'discounts',
    refund_amount: 'refund',
    nds: 'VAT',
    tips: 'tips',
    lag: 'lag, s',
    stream_lag: 'lag of the stream, s',
    fold_lag: 'lag of the fold, s',
    differences: 'audit differences',
  },
  driverKinds: {
    receipts: 'receipts',
    average_receipt: 'average receipt',
    product: 'product',
    place: 'place',
    refund: 'refund',
  },
};

const russian: EventWords = {
  fired: 'Тревога',
  resolved: 'Снова в норме',
  test: 'Проверка канала',
  testBody: (channelId) => `Канал ${channelId} работает: тревоги придут сюда.`,
  everyPlace: 'все точки',
  below: (bound) => `ниже ${bound}`,
  above: (bound) => `выше ${bound}`,
  value: 'значение',
  usual: 'Обычно',
  window: 'Период',
  firedAt: 'Сработала',
  resolvedAt: 'Закончилась',
  drivers: 'Что повлияло сильнее всего',
  insteadOf: (value, baseline) => `${value} вместо ${baseline}`,
  metrics: {
    sales: 'продажи',
    net: 'чистые продажи',
    receipts: 'чеки',
    units: 'единицы товара',
    average_receipt: 'средний чек',
    refunds: 'возвраты',
    refund_receipts: 'чеки возврата',
    refund_rate: 'возвраты в процентах от продаж',
    discounts: 'скидки',
    refund_amount: 'возврат',
    nds: 'НДС',
    tips: 'чаевые',
    lag: 'отставание, с',
    stream_lag: 'отставание потока, с',
    fold_lag: 'отставание свёртки, с',
    differences: 'расхождения аудита',
  },
  driverKinds: {
    receipts: 'чеки',
    average_receipt: 'средний чек',
    product: 'товар',
    place: 'точка',
    refund: 'возврат',
  },
};

export const eventWords: Readonly<Record<Language, EventWords>> = { en: english, ru: russian };
