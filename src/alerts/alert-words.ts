import type { AlertLanguage, AlertMetric } from './alert-rule.ts';

type Between = { from: string; to: string };
type Words = {
  metrics: Record<AlertMetric, string>;
  everywhere: string;
  figure(what: string, of: string, between: Between, value: string): string;
  under(limit: string): string;
  over(limit: string): string;
  usual(value: string): string;
  offUsual(percent: number, usual: string, weeks: number): string;
  silence(of: string, between: Between, missing: string): string;
  refund(amount: string, of: string, id: string, limit: string): string;
  audit(count: number): string;
  lag(seconds: number, limit: number): string;
  instead(what: string, value: string, usual: string): string;
  most(list: string): string;
};

const en: Words = {
  metrics: {
    ...{ sales: 'Sales', refunds: 'Refunds', net: 'Net', discounts: 'Discounts', receipts: 'Receipts' },
    ...{ refund_receipts: 'Refund receipts', units: 'Units', average_receipt: 'Average receipt', nds: 'VAT' },
    ...{ tips: 'Tips', refund_amount: 'Refund', refund_rate: 'Refunds in percent of sales' },
    ...{ lag: 'Lag', stream_lag: 'Lag of the stream', fold_lag: 'Lag of the fold' },
    differences: 'Differences',
  },
  everywhere: 'all places',
  figure: (what, of, { from, to }, value) => `${what} of ${of} from ${from} to ${to}: ${value}`,
  under: (limit) => `under the limit of ${limit}`,
  over: (limit) => `over the limit of ${limit}`,
  usual: (value) => `usual are ${value}`,
  offUsual: (percent, usual, weeks) =>
    `${Math.abs(percent)} % ${percent < 0 ? 'less' : 'more'} than the usual ${usual} of the same weekday and hour in the last ${weeks} weeks`,
  silence: (of, { from, to }, missing) =>
    `Nothing has come from ${of} from ${from} to ${to}, where ${missing} receipts are usual. Look at its till and its connection`,
  refund: (amount, of, id, limit) => `A refund of ${amount} at ${of} (${id}), over the limit of ${limit}`,
  audit: (count) =>
    `The audit found ${count} figures that are not what the journal says; GET /api/audits/ lists them`,
  lag: (seconds, limit) =>
    `Sales are counted ${seconds} s late, over the limit of ${limit} s; see the readiness of the processors`,
  instead: (what, value, usual) => `${what}: ${value} instead of ${usual}`,
  most: (list) => `What moved most: ${list}`,
};

const ru: Words = {
  metrics: {
    ...{ sales: 'Продажи', refunds: 'Возвраты', net: 'Выручка', discounts: 'Скидки', receipts: 'Чеки' },
    ...{ refund_receipts: 'Чеки возврата', units: 'Единицы', average_receipt: 'Средний чек', nds: 'НДС' },
    ...{ tips: 'Чаевые', refund_amount: 'Возврат', refund_rate: 'Возвраты в процентах от продаж' },
    ...{ lag: 'Отставание', stream_lag: 'Отставание потока', fold_lag: 'Отставание свёртки' },
    differences: 'Расхождения',
  },
  everywhere: 'все точки',
  figure: (what, of, { from, to }, value) => `${what}, ${of}, с ${from} до ${to}: ${value}`,
  under: (limit) => `ниже порога ${limit}`,
  over: (limit) => `выше порога ${limit}`,
  usual: (value) => `обычно ${value}`,
  offUsual: (percent, usual, weeks) =>
    `на ${Math.abs(percent)} % ${percent < 0 ? 'меньше' : 'больше'} обычных ${usual} (тот же день недели и час, недель: ${weeks})`,
  silence: (of, { from, to }, missing) =>
    `${of}: с ${from} до ${to} ничего не пришло, обычно чеков: ${missing}. Проверьте кассу и связь`,
  refund: (amount, of, id, limit) => `Возврат ${amount}, ${of} (${id}), выше порога ${limit}`,
  audit: (count) => `Аудит нашёл расхождения с журналом: ${count}; список: GET /api/audits/`,
  lag: (seconds, limit) => `Продажи учитываются с опозданием ${seconds} с, порог ${limit} с`,
  instead: (what, value, usual) => `${what}: ${value} вместо ${usual}`,
  most: (list) => `Больше всего изменилось: ${list}`,
};

export const alertWords: Record<AlertLanguage, Words> = { en, ru };
