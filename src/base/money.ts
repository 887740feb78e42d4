/** Amounts are integers of minor units (kopecks, cents), quantities integers of thousandths. */

/** ISO 4217 (list one, 2024): currencies whose minor unit is not a hundredth. */
const digitsByCurrency = new Map<string, number>([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI'].map(
    (code) => [code, 0] as const,
  ),
  ...['VND', 'VUV', 'XAF', 'XOF', 'XPF'].map((code) => [code, 0] as const),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((code) => [code, 3] as const),
  ...['CLF', 'UYW'].map((code) => [code, 4] as const),
]);

/** Every code that Node's own ICU data lists, so that a typing error in a currency is a problem. */
const knownCurrencies = new Set(Intl.supportedValuesOf('currency'));

export const maximumAmountMinor = 10 ** 12;
const maximumQuantityMilli = 10 ** 9;

export function isCurrency(code: string): boolean {
  return knownCurrencies.has(code);
}

export function currencyDigits(code: string): number {
  return digitsByCurrency.get(code) ?? 2;
}

export type NumberTrouble = 'not_a_number' | 'too_many_decimals' | 'out_of_range';

const decimalString = /^-?\d{1,16}(\.\d{1,20})?$/;

/**
 * A decimal number or decimal string, read as an integer of `10 ** -digits`. A number within a millionth
 * of such a unit is that unit, because tills that add floats send `27.470000000000002`.
 */
function parseDecimal(value: number | string, digits: number, limit: number): number | NumberTrouble {
  if (typeof value === 'string' && !decimalString.test(value)) return 'not_a_number';
  const scaled = Number(value) * 10 ** digits;
  if (!Number.isFinite(scaled)) return Number.isNaN(scaled) ? 'not_a_number' : 'out_of_range';
  if (Math.abs(scaled) >= limit) return 'out_of_range';
  const units = Math.round(scaled);
  // Above 2^33 a double's own step exceeds a millionth, so the tolerance grows with the number.
  const tolerance = Math.max(1e-6, Math.abs(scaled) * 4 * Number.EPSILON);
  if (Math.abs(scaled - units) > tolerance) return 'too_many_decimals';
  return units === 0 ? 0 : units;
}

export function parseAmount(value: number | string, digits: number): number | NumberTrouble {
  return parseDecimal(value, digits, maximumAmountMinor);
}

export function parseQuantity(value: number | string): number | NumberTrouble {
  return parseDecimal(value, 3, maximumQuantityMilli);
}

/** `quantityMilli × priceMinor / 1000`, rounded half away from zero to the minor unit, exactly. */
export function lineAmount(quantityMilli: number, priceMinor: number): number {
  const product = quantityMilli * priceMinor;
  if (Number.isSafeInteger(product)) {
    const sign = product < 0 ? -1 : 1;
    return sign * Math.floor((Math.abs(product) + 500) / 1000);
  }
  const exact = BigInt(quantityMilli) * BigInt(priceMinor);
  return Number(exact < 0n ? -((-exact + 500n) / 1000n) : (exact + 500n) / 1000n);
}

/** Minor units as a decimal number for JSON, e.g. 2747 → 27.47. */
export function amountToNumber(amountMinor: number, digits: number): number {
  return amountMinor / 10 ** digits;
}

/** `total / count` in minor units, rounded half up (towards plus infinity); null where there is nothing to divide by. */
export function averageMinor(totalMinor: number, count: number): number | null {
  if (count === 0) return null;
  const floor = Math.floor(totalMinor / count);
  return (totalMinor - floor * count) * 2 >= count ? floor + 1 : floor;
}
