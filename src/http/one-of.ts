import { Type } from 'typebox';

/** A text of a few known ones: those who read the description, or make types of it, learn which. */
export const oneOf = <T extends string>(names: readonly T[], description?: string) =>
  Type.Unsafe<T>({
    type: 'string',
    enum: [...names],
    ...(description === undefined ? {} : { description }),
  });
