import path from 'node:path';
import { CodedError } from './base/errors.ts';
import { idRule, isId } from './base/ids.ts';
import type { LogLevel } from './base/log.ts';
import { isCurrency } from './base/money.ts';
import { isTimeZone } from './base/time.ts';
import { type ClusterConfig, readClusterConfig, readDatabaseAddress } from './cluster-config.ts';
import { type NotifyConfig, readNotifyConfig } from './notify-config.ts';
import { readOlderVariables } from './older-variables.ts';
import { type ReportConfig, readReportConfig } from './report-config.ts';

/** How many days something is kept; 0 for ever. */
export type RetentionDays = {
  outbox: number;
  jobs: number;
  rejectedBodies: number;
  pulse: number;
  snapshots: number;
  deliveries: number;
};

export type Config = ClusterConfig &
  NotifyConfig &
  ReportConfig & {
    host: string;
    port: number;
    /** Nobody asked for this port, so a command may take another. */
    portIsDefault: boolean;
    dataDir: string;
    dataDirIsDefault: boolean;
    databaseUrl: string | undefined;
    logLevel: LogLevel;
    /** Rotating files of the same lines that go to standard error. */
    logDir: string | undefined;
    adminToken: string | undefined;
    metricsToken: string | undefined;
    /** Hashes the ids of erased people, so that later documents that name them are known. */
    erasureKey: string | undefined;
    rateLimit: { requests: number; perMs: number } | undefined;
    trustProxy: boolean;
    basePath: string;
    migrate: boolean;
    identity: 'source' | 'place';
    /** Of customers' ids too. */
    productIdScope: 'chain' | 'place';
    strictTotals: boolean;
    defaultPlace: string;
    defaultCurrency: string;
    defaultTimeZone: string;
    maximumFutureHours: number;
    minimumDate: string;
    /** How long an intake request may wait for the warehouse. */
    intakeTimeoutMs: number;
    retention: RetentionDays;
    /** Variables of older services that are set and change nothing, to be named at start. */
    unusedVariables: readonly string[];
  };

type Environment = Record<string, string | undefined>;
type Report = (name: string, message: string) => undefined;

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

function readInteger(
  env: Environment,
  name: string,
  fallback: number,
  low: number,
  high: number,
  report: Report,
): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  report(name, `is "${text}"; give a whole number from ${low} to ${high}`);
  return fallback;
}

function readSwitch(env: Environment, name: string, fallback: boolean, report: Report): boolean {
  const text = env[name]?.toLowerCase();
  if (text === undefined || text === '') return fallback;
  if (['true', 'on', '1', 'yes'].includes(text)) return true;
  if (['false', 'off', '0', 'no'].includes(text)) return false;
  report(name, `is "${text}"; give true or false`);
  return fallback;
}

function readChecked(
  env: Environment,
  name: string,
  fallback: string,
  valid: (text: string) => boolean,
  what: string,
  report: Report,
): string {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  if (valid(text)) return text;
  report(name, `is "${text}"; give ${what}`);
  return fallback;
}

function readRateLimit(env: Environment, report: Report): Config['rateLimit'] {
  const text = env.RATE_LIMIT;
  if (text === undefined || text === '') return undefined;
  const match = /^([1-9]\d{0,8})\/(second|minute|hour)$/.exec(text);
  if (match === null)
    return report('RATE_LIMIT', `is "${text}"; give for example 100/second, 600/minute or 10000/hour`);
  const perMs = { second: 1000, minute: 60_000, hour: 3_600_000 }[match[2] as 'second' | 'minute' | 'hour'];
  return { requests: Number(match[1]), perMs };
}

function readSecret(env: Environment, name: string, report: Report): string | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  if (text.length < 24) return report(name, 'has under 24 characters; give a longer one');
  return text;
}

function readPlace(env: Environment, report: Report): string {
  const text = env.DEFAULT_PLACE || 'unknown';
  if (!isId(text)) report('DEFAULT_PLACE', `${idRule}, as the id of any place; give a shorter one`);
  return text;
}

const mostDays = 36_500;
/** A running month and the one before it are compared by the pulse. */
const leastPulseDays = 90;

function readRetention(
  integer: (name: string, fallback: number, low: number, high: number) => number,
  report: Report,
): RetentionDays {
  const days = (name: string, fallback: number) => integer(name, fallback, 0, mostDays);
  const pulse = days('RETENTION_PULSE_DAYS', 400);
  if (pulse > 0 && pulse < leastPulseDays)
    report('RETENTION_PULSE_DAYS', `is ${pulse}; give at least ${leastPulseDays}, or 0 to keep it for ever`);
  return {
    outbox: days('RETENTION_OUTBOX_DAYS', 30),
    jobs: days('RETENTION_JOBS_DAYS', 30),
    rejectedBodies: days('RETENTION_REJECTED_BODIES_DAYS', 0),
    pulse,
    snapshots: days('RETENTION_SNAPSHOTS_DAYS', 400),
    deliveries: days('RETENTION_DELIVERIES_DAYS', 90),
  };
}

const pathPattern = /^(\/[\w.-]+)+$/;
const isDate = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

/** Reads and checks everything at once; the error lists every variable that is wrong. */
export function readConfig(given: Environment = process.env): Config {
  const { env, unused, tell } = readOlderVariables(given);
  const troubles: { pointer: string; code: string; message: string }[] = [];
  const report: Report = (name, message) => {
    troubles.push({ pointer: `/${name}`, code: 'invalid_variable', message: `${tell(name)} ${message}` });
    return undefined;
  };
  const integer = (name: string, fallback: number, low: number, high: number) =>
    readInteger(env, name, fallback, low, high, report);
  const flag = (name: string, fallback: boolean) => readSwitch(env, name, fallback, report);
  const checked = (name: string, fallback: string, valid: (text: string) => boolean, what: string) =>
    readChecked(env, name, fallback, valid, what, report);
  const oneOf = (name: string, fallback: string, choices: readonly string[]) =>
    checked(name, fallback, (text) => choices.includes(text), `one of ${choices.join(', ')}`);
  const secret = (name: string) => readSecret(env, name, report);
  const config: Config = {
    ...readClusterConfig({ env, report, integer, flag, oneOf, secret }),
    ...readNotifyConfig({ env, report, flag, secret }),
    ...readReportConfig({ env, report, integer, oneOf }),
    host: env.HOST || '127.0.0.1',
    port: integer('PORT', 8080, 0, 65_535),
    portIsDefault: !env.PORT,
    dataDir: path.resolve(env.DATA_DIR || './data'),
    dataDirIsDefault: !env.DATA_DIR,
    databaseUrl: readDatabaseAddress(env, 'DATABASE_URL', report),
    logLevel: oneOf('LOG_LEVEL', 'info', logLevels) as LogLevel,
    logDir: env.LOG_DIR ? path.resolve(env.LOG_DIR) : undefined,
    adminToken: secret('ADMIN_TOKEN'),
    metricsToken: secret('METRICS_TOKEN'),
    erasureKey: secret('ERASURE_KEY'),
    rateLimit: readRateLimit(env, report),
    trustProxy: flag('TRUST_PROXY', false),
    basePath: checked(
      'BASE_PATH',
      '',
      (text) => pathPattern.test(text),
      'a path such as /tillstream, without a slash at its end',
    ),
    migrate: flag('MIGRATE', true),
    identity: oneOf('IDENTITY', 'source', ['source', 'place']) as 'source' | 'place',
    productIdScope: oneOf('PRODUCT_ID_SCOPE', 'chain', ['chain', 'place']) as 'chain' | 'place',
    strictTotals: flag('STRICT_TOTALS', false),
    defaultPlace: readPlace(env, report),
    defaultCurrency: checked('DEFAULT_CURRENCY', 'RUB', isCurrency, 'an ISO 4217 code such as RUB or EUR'),
    defaultTimeZone: checked(
      'DEFAULT_TIME_ZONE',
      'UTC',
      isTimeZone,
      'an IANA time zone such as Europe/Moscow',
    ),
    maximumFutureHours: integer('MAXIMUM_FUTURE_HOURS', 48, 0, 100_000),
    minimumDate: checked('MINIMUM_DATE', '2000-01-01', isDate, 'a date such as 2000-01-01'),
    intakeTimeoutMs: integer('INTAKE_TIMEOUT_MS', 10_000, 100, 600_000),
    retention: readRetention(integer, report),
    unusedVariables: unused,
  };
  if (troubles.length > 0) {
    const list = troubles.map((trouble) => `  ${trouble.message}`).join('\n');
    throw new CodedError('invalid_configuration', `the configuration is not valid:\n${list}`, {
      errors: troubles,
    });
  }
  return config;
}
