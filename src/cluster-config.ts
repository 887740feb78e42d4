import { readFileSync } from 'node:fs';

/** What of the configuration names other servers; without it everything runs in one process. */
export type ClusterConfig = {
  kafka: KafkaConfig | undefined;
  redis: { url: string; ca: string | undefined } | undefined;
  /** A replica that the read side asks. */
  databaseReadUrl: string | undefined;
  /** Signs the headers of documents in Kafka; made once and kept in the database when not given. */
  streamKey: string | undefined;
};

export type KafkaConfig = {
  brokers: readonly string[];
  /** The certificates that brokers are checked against, where not those of the system. */
  ca: string | undefined;
  tls: boolean;
  sasl: { mechanism: SaslMechanism; username: string; password: string } | undefined;
  topics: Topics;
  /** Of topics that are made here; those that are there stay as they are. */
  partitions: number;
  replication: number;
};

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export type Topics = {
  /** Raw documents of every kind. */
  transactions: string;
  orders: string;
  enrichedOrders: string;
  stats: string;
  notifications: string;
  tags: string;
};

type Environment = Record<string, string | undefined>;
type Report = (name: string, message: string) => undefined;
type ReadInteger = (name: string, fallback: number, low: number, high: number) => number;
type OneOf = (name: string, fallback: string, choices: readonly string[]) => string;
export type Readers = {
  env: Environment;
  report: Report;
  integer: ReadInteger;
  flag: (name: string, fallback: boolean) => boolean;
  oneOf: OneOf;
  secret: (name: string) => string | undefined;
};

const topicPattern = /^[\w.-]{1,249}$/;

export function readClusterConfig(readers: Readers): ClusterConfig {
  const { env, report, secret } = readers;
  return {
    kafka: env.KAFKA_BROKERS ? readKafka(readers) : undefined,
    redis: readRedis(env, report),
    databaseReadUrl: readDatabaseAddress(env, 'DATABASE_READ_URL', report),
    streamKey: secret('STREAM_KEY'),
  };
}

/** The value itself may hold a password, so it is not repeated. */
export function readDatabaseAddress(env: Environment, name: string, report: Report): string | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return text;
  return report(name, 'is not an address of the form postgres://user:password@host:5432/database');
}

function readKafka({ env, report, integer, flag, oneOf }: Readers): KafkaConfig {
  const brokers = (env.KAFKA_BROKERS ?? '').split(',').map((broker) => broker.trim());
  if (brokers.some((broker) => !/^[^\s:/]+:\d{1,5}$|^\[[\da-fA-F:]+\]:\d{1,5}$/.test(broker)))
    report('KAFKA_BROKERS', `is "${env.KAFKA_BROKERS}"; give for example kafka-1:9092,kafka-2:9092`);
  const mechanism = oneOf('KAFKA_SASL_MECHANISM', 'none', [
    'none',
    'PLAIN',
    'SCRAM-SHA-256',
    'SCRAM-SHA-512',
  ]);
  const [username, password] = [env.KAFKA_SASL_USERNAME, env.KAFKA_SASL_PASSWORD];
  if (mechanism !== 'none' && !(username && password))
    report('KAFKA_SASL_MECHANISM', 'asks for KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD too');
  const topic = (name: string, fallback: string) => {
    const text = env[name] || fallback;
    if (!topicPattern.test(text))
      report(name, `is "${text}"; a topic has up to 249 letters, digits, dots, _ and -`);
    return text;
  };
  return {
    brokers,
    ca: readCertificates(env, 'KAFKA_CA_FILE', report),
    tls: flag('KAFKA_TLS', Boolean(env.KAFKA_CA_FILE)),
    sasl:
      mechanism === 'none'
        ? undefined
        : { mechanism: mechanism as SaslMechanism, username: username ?? '', password: password ?? '' },
    topics: {
      transactions: topic('TOPIC_TRANSACTIONS', 'transactions'),
      orders: topic('TOPIC_ORDERS', 'order-service_orders'),
      enrichedOrders: topic('TOPIC_ENRICHED_ORDERS', 'stg-service-orders'),
      stats: topic('TOPIC_STATS', 'cdm-service-stats'),
      notifications: topic('TOPIC_NOTIFICATIONS', 'notifications'),
      tags: topic('TOPIC_TAGS', 'tags'),
    },
    partitions: integer('KAFKA_PARTITIONS', 12, 1, 10_000),
    replication: integer('KAFKA_REPLICATION', 1, 1, 32),
  };
}

function readRedis(env: Environment, report: Report): ClusterConfig['redis'] {
  const text = env.REDIS_URL;
  if (text === undefined || text === '') return undefined;
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text))
    return report(
      'REDIS_URL',
      'is not an address of the form redis://user:password@host:6379/0 (rediss: with TLS)',
    );
  return { url: text, ca: readCertificates(env, 'REDIS_CA_FILE', report) };
}

function readCertificates(env: Environment, name: string, report: Report): string | undefined {
  const file = env[name];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return report(name, `cannot be read: ${(error as Error).message}`);
  }
}
