import type { Mapping, MappingField } from './import-file.ts';

export type Part = 'receipt' | 'items' | 'transaction';
export type FieldName = keyof typeof import('./import-words.ts').importWords.en.fields;
export type KnownField = {
  name: FieldName;
  isNeeded?: true;
  kind?: 'amount' | 'time';
  /** The sum of the items may stand for it. */
  isSum?: true;
};

const amount = 'amount' as const;
const isNeeded = true as const;

/** The fields that a mapping is asked about; others can be added to it as JSON. */
export const knownFields: Record<Part, readonly KnownField[]> = {
  receipt: [
    { name: 'transaction_id', isNeeded },
    { name: 'timestamp', isNeeded, kind: 'time' },
    { name: 'place_id' },
    { name: 'place_name' },
    { name: 'total_amount', isNeeded, kind: amount, isSum: true },
    { name: 'nds_amount', isNeeded, kind: amount },
    { name: 'tips_amount', kind: amount },
    { name: 'discount_amount', kind: amount },
    { name: 'payment_method', isNeeded },
    { name: 'currency' },
    { name: 'customer_id' },
  ],
  items: [
    { name: 'product_id', isNeeded },
    { name: 'name' },
    { name: 'category', isNeeded },
    { name: 'quantity', isNeeded, kind: amount },
    { name: 'price', isNeeded, kind: amount },
    { name: 'amount', kind: amount },
  ],
  transaction: [
    { name: 'transaction_id', isNeeded },
    { name: 'timestamp', isNeeded, kind: 'time' },
    { name: 'product_id', isNeeded },
    { name: 'quantity', isNeeded, kind: amount },
    { name: 'total_amount', isNeeded, kind: amount },
    { name: 'place_id' },
    { name: 'currency' },
    { name: 'customer_id' },
  ],
};

export const partsOf = (source: Mapping['source']): readonly Part[] =>
  source === 'receipt' ? ['receipt', 'items'] : ['transaction'];

/** Where a field comes from, as one choice: `column:sku`, `const`, `format`, `sum`, or nothing. */
export function originOf(field: MappingField | undefined): string {
  if (field === undefined) return '';
  if (field.column !== undefined) return `column:${field.column}`;
  if (field.format !== undefined) return 'format';
  return field.sum === undefined ? 'const' : 'sum';
}

/** The field after another origin was chosen; how it is written is kept where it still applies. */
export function withOrigin(field: MappingField | undefined, origin: string): MappingField | undefined {
  const { decimal, date } = field ?? {};
  const written = {
    ...(decimal === undefined ? {} : { decimal }),
    ...(date === undefined ? {} : { date }),
  };
  if (origin.startsWith('column:')) return { column: origin.slice('column:'.length), ...written };
  if (origin === 'format')
    return { format: field?.column === undefined ? '' : `{${field.column}}`, ...written };
  if (origin === 'const') return { const: '' };
  return origin === 'sum' ? { sum: 'items' } : undefined;
}

export function withField(
  mapping: Mapping,
  part: Part,
  name: string,
  field: MappingField | undefined,
): Mapping {
  const { [name]: _, ...others } = mapping[part] ?? {};
  return { ...mapping, [part]: field === undefined ? others : { ...mapping[part], [name]: field } };
}

/** Another kind of document: what both have keeps where it comes from. */
export function withSource(mapping: Mapping, source: Mapping['source']): Mapping {
  if (source === mapping.source) return mapping;
  const { receipt, items, transaction, group_by: _, ...common } = mapping;
  const known = { ...receipt, ...items, ...transaction };
  const pick = (part: Part) =>
    Object.fromEntries(
      knownFields[part].flatMap(({ name, isNeeded: needed }) => {
        const field = known[name];
        const isUsable = field !== undefined && (field.sum === undefined || part === 'receipt');
        if (isUsable) return [[name, field]];
        return needed && name === 'nds_amount' ? [[name, { const: 0 }]] : [];
      }),
    );
  return source === 'receipt'
    ? { ...common, source, receipt: pick('receipt'), items: pick('items') }
    : { ...common, source, transaction: pick('transaction') };
}
