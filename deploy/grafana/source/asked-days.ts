// A business day has no time zone, the range that is looked at has: its days are those of who looks.
const day = (macro: string) => `(${macro}::timestamptz at time zone '\${__timezone}')::date`;

export const firstDay = day('$__timeFrom()');
export const lastDay = day('$__timeTo()');
export const inDays = `business_date between ${firstDay} and ${lastDay}`;
/** One currency and the places that are looked at. */
export const chosen = `currency = '$currency' and place_id in ($place)`;
/** When a business day begins, for who looks. */
export const dayAsTime = (column: string) => `(${column}::timestamp at time zone '\${__timezone}') as "time"`;
