import pg from 'pg';

export type Database = pg.Pool;
export type Client = pg.PoolClient;
export type Queryable = Pick<pg.ClientBase, 'query'>;

// bigint columns arrive as numbers: every sum the program keeps is checked to stay a safe integer.
const bigintOid = 20;
const dateOid = 1082;
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === bigintOid && format !== 'binary') return parseBigint;
    if (oid === dateOid && format !== 'binary') return (text: string) => text;
    return pg.types.getTypeParser(oid, format as 'text');
  }) as pg.CustomTypesConfig['getTypeParser'],
};

function parseBigint(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is past the safe integers`);
  return value;
}

export type PoolOptions = {
  connectionString: string;
  applicationName: string;
  maximumConnections: number;
  /** Milliseconds after which the server ends a transaction; 0 for none. */
  transactionTimeoutMs?: number;
  /** Milliseconds after which a query counts as failed here, whether or not the server still answers. */
  queryTimeoutMs?: number;
  connectTimeoutMs?: number;
  /** Statements are sent without waiting for the answers of those before. Not where tables are copied. */
  pipeline?: boolean;
};

/** A pool whose sessions cannot hold others up: waiting for locks, idling in a transaction and dead peers all end. */
export function createPool(options: PoolOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    application_name: options.applicationName,
    max: options.maximumConnections,
    types,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
    keepAlive: true,
    pipeline: options.pipeline ?? false,
    options: [
      '-c timezone=UTC',
      '-c lock_timeout=10s',
      '-c idle_in_transaction_session_timeout=30s',
      `-c transaction_timeout=${options.transactionTimeoutMs ?? 30_000}`,
      '-c tcp_user_timeout=20000',
      '-c jit=off',
    ].join(' '),
  });
  // A connection that breaks is replaced at the next query, and the query that ran on it fails by itself;
  // without a listener, idle or in use, it would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/**
 * Runs `work` between BEGIN and COMMIT on one connection; a connection that failed is not given back for use.
 */
export async function inTransaction<T>(
  pool: Database,
  work: (client: Client) => Promise<T>,
  begin = 'begin',
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    try {
      await client.query('rollback');
    } catch (rollbackError) {
      broken = rollbackError as Error;
    }
    throw error;
  } finally {
    client.release(broken);
  }
}

export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Only bad data (class 22) and violated constraints (class 23) can be a document's own fault. */
export function blamesDocument(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && (state.startsWith('22') || state.startsWith('23'));
}

type TextType = 'text' | 'jsonb';
type BytesType = 'bytea' | 'uuid';
type FixedType = 'int4' | 'int8' | 'date' | 'timestamptz' | 'bool';
type ArrayType = TextType | BytesType | FixedType;
const arrayOids: Record<ArrayType, number> = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int4: 23,
  text: 25,
  date: 1082,
  timestamptz: 1184,
  uuid: 2950,
  jsonb: 3802,
};
type ArrayValue<T extends ArrayType> = T extends TextType
  ? string
  : T extends BytesType
    ? Buffer
    : T extends 'bool'
      ? boolean
      : number;
type Values<V> = readonly (V | null | undefined)[];

const microsecondsTo2000 = 946_684_800_000_000;
const daysTo2000 = 10_957;
const fixedBytes: Record<FixedType, number> = { bool: 1, int4: 4, date: 4, int8: 8, timestamptz: 8 };

/** A safe integer as 64 bits; several times cheaper than by way of a BigInt. */
function writeInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}

function writeFixed(type: FixedType, value: number | boolean, into: Buffer, at: number): void {
  if (type === 'int4') into.writeInt32BE(value as number, at);
  else if (type === 'int8') writeInt64(into, Math.trunc(value as number), at);
  // Given in milliseconds since the epoch and sent in microseconds since 2000.
  else if (type === 'timestamptz')
    writeInt64(into, Math.trunc(value as number) * 1000 - microsecondsTo2000, at);
  // Given in days since the epoch.
  else if (type === 'date') into.writeInt32BE((value as number) - daysTo2000, at);
  else into[at] = value === true ? 1 : 0;
}

/** Ids and the like are short and of ASCII: a loop is several times cheaper than a call out of JavaScript. */
const shortText = 40;
const mostBytesPerUnit = 3;

function writeText(text: string, into: Buffer, at: number): number {
  if (text.length > shortText) return into.write(text, at);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return into.write(text, at);
    into[at + index] = unit;
  }
  return text.length;
}

const oneDimension = 20;

/** Room for an array of elements that take so many bytes together, with its header. */
function arrayOf(type: ArrayType, count: number, hasNull: boolean, elementBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(oneDimension + 4 * count + elementBytes);
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(hasNull ? 1 : 0, 4);
  bytes.writeInt32BE(arrayOids[type], 8);
  bytes.writeInt32BE(count, 12);
  bytes.writeInt32BE(1, 16);
  return bytes;
}

function emptyArray(type: ArrayType): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeInt32BE(arrayOids[type], 8);
  return bytes;
}

function fixedArray(type: FixedType, values: Values<number | boolean>): Buffer {
  const length = fixedBytes[type];
  let nulls = 0;
  for (let index = 0; index < values.length; index++) if (values[index] == null) nulls++;
  const bytes = arrayOf(type, values.length, nulls > 0, length * (values.length - nulls));
  let at = oneDimension;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (value == null) at = bytes.writeInt32BE(-1, at);
    else {
      at = bytes.writeInt32BE(length, at);
      writeFixed(type, value, bytes, at);
      at += length;
    }
  }
  return bytes;
}

function bytesArray(type: BytesType, values: Values<Buffer>): Buffer {
  let size = 0;
  let hasNull = false;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (value == null) hasNull = true;
    else size += value.length;
  }
  const bytes = arrayOf(type, values.length, hasNull, size);
  let at = oneDimension;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    at = bytes.writeInt32BE(value == null ? -1 : value.length, at);
    if (value != null) at += value.copy(bytes, at);
  }
  return bytes;
}

function textArray(type: TextType, values: Values<string>): Buffer {
  const version = type === 'jsonb' ? 1 : 0;
  let most = 0;
  let hasNull = false;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (value == null) hasNull = true;
    else
      most +=
        version + (value.length > shortText ? Buffer.byteLength(value) : value.length * mostBytesPerUnit);
  }
  const bytes = arrayOf(type, values.length, hasNull, most);
  let at = oneDimension;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (value == null) {
      at = bytes.writeInt32BE(-1, at);
      continue;
    }
    const start = at + 4;
    if (version === 1) bytes[start] = 1;
    const length = version + writeText(value, bytes, start + version);
    bytes.writeInt32BE(length, at);
    at = start + length;
  }
  return bytes.subarray(0, at);
}

/**
 * A one-dimensional array in PostgreSQL's binary format, to be passed as a parameter cast to its type
 * (`$1::text[]`). Several times cheaper on both sides than the text format, which quotes every element; written
 * into one buffer, since a buffer of its own for every element costs more than the element. A `date` is given
 * in days and a `timestamptz` in milliseconds since the epoch.
 */
export function binaryArray<T extends ArrayType>(type: T, values: Values<ArrayValue<T>>): Buffer {
  if (values.length === 0) return emptyArray(type);
  if (type === 'text' || type === 'jsonb') return textArray(type, values as Values<string>);
  if (type === 'bytea' || type === 'uuid') return bytesArray(type, values as Values<Buffer>);
  return fixedArray(type as FixedType, values as Values<number | boolean>);
}

/** The same of one member of a list of rows. */
export function binaryColumn<T extends ArrayType, R>(
  type: T,
  rows: readonly R[],
  pick: (row: R) => ArrayValue<T> | null | undefined,
): Buffer {
  return binaryArray(type, rows.map(pick));
}

/** A column that is often null throughout, for an `unnest` with others: it fills up an empty array with nulls. */
export function sparseColumn<T extends ArrayType, R>(
  type: T,
  rows: readonly R[],
  pick: (row: R) => ArrayValue<T> | null | undefined,
): Buffer {
  const values = rows.map(pick);
  const isEmpty = values.every((value) => value === null || value === undefined);
  return binaryArray(type, isEmpty ? [] : values);
}
