import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { currencyDigits } from '../base/money.ts';
import { epochDay } from '../base/time.ts';
import type { Cell } from './csv.ts';

/**
 * `text`; `date` 2015-01-31; `instant` RFC 3339; `count` whole; `money` and `price` a decimal number of the
 * currency that the row names in its column `currency`; `quantity` with up to three decimals; `number` any.
 */
export type CellKind = 'text' | 'date' | 'instant' | 'count' | 'money' | 'quantity' | 'number';
export type TableColumn = { name: string; kind: CellKind };
/** Cells of a page of rows, in the order of the columns. */
export type CellRow = readonly Cell[];

/** One scale for every currency, so that files of different periods have one schema: no currency has more digits. */
const moneyScale = 4;
const quantityScale = 3;
/** What 64 bits hold; a reader may keep no more. */
const decimalPrecision = 18;
const largestDecimal = 10n ** BigInt(decimalPrecision);
/** A group is what is held in memory, here and where it is read. */
const usualGroupRows = 20_000;

const types: Record<CellKind, Omit<SchemaElement, 'name'>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  date: { type: 'INT32', converted_type: 'DATE' },
  instant: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  count: { type: 'INT64' },
  money: { type: 'INT64', converted_type: 'DECIMAL', precision: decimalPrecision, scale: moneyScale },
  quantity: { type: 'INT64', converted_type: 'DECIMAL', precision: decimalPrecision, scale: quantityScale },
  number: { type: 'DOUBLE' },
};

type Stored = string | number | bigint | null;

function decimal(value: bigint): bigint {
  if (value >= largestDecimal || value <= -largestDecimal)
    throw new RangeError(
      `${value} has more digits than a Parquet column of ${decimalPrecision}; ask for CSV`,
    );
  return value;
}

/** By way of the currency's own minor units, which are exact, since ten thousandths would pass the safe integers. */
function money(value: number, currency: string): bigint {
  const digits = currencyDigits(currency);
  return decimal(BigInt(Math.round(value * 10 ** digits)) * 10n ** BigInt(moneyScale - digits));
}

function stored(kind: CellKind, value: Cell, currency: string): Stored {
  if (value === null || value === undefined) return null;
  if (kind === 'text') return String(value);
  if (kind === 'date') return epochDay(String(value));
  if (kind === 'instant') return BigInt(Date.parse(String(value)));
  if (kind === 'count') return BigInt(value);
  if (kind === 'money') return money(Number(value), currency);
  if (kind === 'quantity') return decimal(BigInt(Math.round(Number(value) * 10 ** quantityScale)));
  return Number(value);
}

/**
 * A Parquet file as it grows, a row group at a time. Money is DECIMAL(18,4) and quantities DECIMAL(18,3),
 * whatever the currency. Throws RangeError for a sum of over 10¹⁴ units.
 */
export async function* parquetChunks(
  columns: readonly TableColumn[],
  pages: AsyncIterable<Iterable<CellRow>> | Iterable<Iterable<CellRow>>,
  options: { metadata?: Record<string, string>; rowsPerGroup?: number } = {},
): AsyncGenerator<Uint8Array> {
  const { metadata = {}, rowsPerGroup = usualGroupRows } = options;
  const writer = new ByteWriter();
  const schema: SchemaElement[] = [
    { name: 'rows', num_children: columns.length },
    ...columns.map(({ name, kind }) => ({ name, repetition_type: 'OPTIONAL' as const, ...types[kind] })),
  ];
  const kvMetadata = Object.entries(metadata).map(([key, value]) => ({ key, value }));
  const file = new ParquetWriter({ writer, schema, kvMetadata, createdBy: 'tillstream' });
  const currencyAt = columns.findIndex(({ name }) => name === 'currency');
  let group: Stored[][] = columns.map(() => []);
  const take = () => {
    const bytes = writer.getBytes().slice();
    writer.index = 0;
    return bytes;
  };
  const closeGroup = () => {
    const columnData = columns.map(({ name }, index) => ({ name, data: group[index]! }));
    group = columns.map(() => []);
    void file.write({ columnData, rowGroupSize: rowsPerGroup });
    return take();
  };
  for await (const page of pages)
    for (const row of page) {
      const currency = String(row[currencyAt] ?? '');
      for (const [index, { kind }] of columns.entries())
        group[index]!.push(stored(kind, row[index], currency));
      if (group[0]!.length >= rowsPerGroup) yield closeGroup();
    }
  if (group[0]!.length > 0) yield closeGroup();
  void file.finish();
  yield take();
}
