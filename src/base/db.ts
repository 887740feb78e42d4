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

/** Runs `work` between BEGIN and COMMIT on one connection; a connection that failed is not given back for use. */
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

type ArrayType = 'text' | 'jsonb' | 'bytea' | 'uuid' | 'int4' | 'int8' | 'timestamptz' | 'bool';
const arrayOids: Record<ArrayType, number> = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int4: 23,
  text: 25,
  timestamptz: 1184,
  uuid: 2950,
  jsonb: 3802,
};
type ArrayValue<T extends ArrayType> = T extends 'text' | 'jsonb'
  ? string
  : T extends 'bytea' | 'uuid'
    ? Buffer
    : T extends 'bool'
      ? boolean
      : number;

const microsecondsTo2000 = 946_684_800_000_000;
const fixedBytes: Partial<Record<ArrayType, number>> = { bool: 1, int4: 4, int8: 8, timestamptz: 8 };

function elementBytes(type: ArrayType, value: string | Buffer | number | boolean): number {
  if (type === 'text') return Buffer.byteLength(value as string);
  if (type === 'jsonb') return 1 + Buffer.byteLength(value as string);
  return fixedBytes[type] ?? (value as Buffer).length;
}

/** A safe integer as 64 bits; several times cheaper than by way of a BigInt. */
function writeInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}

/** Answers how many bytes it wrote. */
function writeElement(
  type: ArrayType,
  value: string | Buffer | number | boolean,
  into: Buffer,
  at: number,
): number {
  switch (type) {
    case 'text':
      return into.write(value as string, at);
    case 'jsonb':
      into[at] = 1;
      return 1 + into.write(value as string, at + 1);
    case 'bytea':
    case 'uuid':
      return (value as Buffer).copy(into, at);
    case 'bool':
      into[at] = value === true ? 1 : 0;
      return 1;
    case 'int4':
      return into.writeInt32BE(value as number, at) - at;
    case 'int8':
      writeInt64(into, Math.trunc(value as number), at);
      return 8;
    case 'timestamptz':
      // Given in milliseconds since the epoch and sent in microseconds since 2000.
      writeInt64(into, Math.trunc(value as number) * 1000 - microsecondsTo2000, at);
      return 8;
  }
}

/**
 * A one-dimensional array in PostgreSQL's binary format, to be passed as a parameter cast to its type
 * (`$1::text[]`). Several times cheaper on both sides than the text format, which quotes every element; written
 * into one buffer, since a buffer of its own for every element costs more than the element.
 */
export function binaryArray<T extends ArrayType>(
  type: T,
  values: readonly (ArrayValue<T> | null | undefined)[],
): Buffer {
  const headerBytes = values.length === 0 ? 12 : 20;
  let size = headerBytes + 4 * values.length;
  let hasNull = 0;
  for (const value of values) {
    if (value === null || value === undefined) hasNull = 1;
    else size += elementBytes(type, value);
  }
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(hasNull, 4);
  bytes.writeInt32BE(arrayOids[type], 8);
  if (values.length === 0) return bytes;
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16);
  let at = headerBytes;
  for (const value of values) {
    const isNull = value === null || value === undefined;
    const length = isNull ? 0 : writeElement(type, value, bytes, at + 4);
    bytes.writeInt32BE(isNull ? -1 : length, at);
    at += 4 + length;
  }
  return bytes;
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
