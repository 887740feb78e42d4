/** What one spelling may mean: `unit` is the worth of its last digit, by which a rounded figure is known. */
export type Reading = { value: number; unit: number };

/** A day or a month as written; the year may be left out. */
export type WrittenDate = { year?: number; month: number; day?: number };

export type FoundNumber = { text: string } & (
  | { kind: 'number' | 'percent'; readings: Reading[] }
  /** All of `dates` are meant; where the order of day and month is open, one of `otherwise` instead. */
  | { kind: 'date'; dates: WrittenDate[]; otherwise?: WrittenDate }
  | { kind: 'year'; year: number }
  | { kind: 'time' }
  | { kind: 'rank'; rank: number }
  /** A number in words, or in digits other than 0 to 9, that nothing can check. */
  | { kind: 'words' }
);

/** Stands for what was read already, so that its neighbours do not grow together. */
export const filler = '\u0001';
