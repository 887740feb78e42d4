const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;

/** `1.2 MB`, as the reader writes it. */
export function sizeOf(bytes: number, locale: string): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return new Intl.NumberFormat(locale, {
    ...{ style: 'unit', unit: units[step]!, maximumFractionDigits: step === 0 ? 0 : 1 },
  }).format(bytes / 1000 ** step);
}
