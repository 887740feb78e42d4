import type { Source } from './sale.ts';

type Words = {
  /** `no receipt r-7 is registered` */
  noun: string;
  /** Where a document says its id and its place: JSON pointers. */
  idPointer: string;
  placePointer: string;
  /** What a newer document has to have. */
  version: string;
  howToCorrect: string;
};

const revised = { version: 'revision', howToCorrect: 'send a higher revision to correct it' };
const direct = { idPointer: '/transaction_id', placePointer: '/place_id' };

/** How messages about a document speak of it, so that each names what its sender knows. */
export const documentWords: Record<Source, Words> = {
  receipt: { noun: 'receipt', ...direct, ...revised },
  transaction: { noun: 'transaction', ...direct, ...revised },
  order: {
    noun: 'order',
    idPointer: '/object_id',
    placePointer: '/payload/restaurant/id',
    version: 'update_ts',
    howToCorrect: 'send a later update_ts to correct it',
  },
  daily: {
    noun: 'daily file',
    idPointer: '',
    placePointer: '',
    version: 'replacement',
    howToCorrect: 'send it with replace=true to correct it',
  },
};
