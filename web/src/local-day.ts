/** The day of an instant where the reader is: `2026-01-31`. */
export function localDay(instant: string | number): string {
  const date = new Date(instant);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
