import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  Admin,
  alterUserScramCredentialsV0,
  Connection,
  Consumer,
  stringDeserializers,
} from '@platformatic/kafka';
import { readConfig } from '../../src/config.ts';
import { openEgressProducer } from '../../src/stream/egress-producer.ts';
import { kafkaConnection } from '../../src/stream/kafka-connection.ts';
import { explainKafkaTrouble } from '../../src/stream/kafka-trouble.ts';
import { makeCertificates, whyNoCertificates } from '../certificates.ts';
import { makeTopics } from '../flow/topic-reader.ts';
import { freePort, startTestKafka, type TestKafka, whyNoKafka } from '../kafka.ts';

const given = process.env.KAFKA_BROKERS && 'TLS of Kafka: the broker of KAFKA_BROKERS is not ours';
const skip = given || (whyNoKafka() ?? whyNoCertificates() ?? false);
const password = 'secret-of-the-broker';
const topic = 'guarded';
const certificates = skip === false ? makeCertificates() : undefined;

let kafka: TestKafka;
let port: number;
before(async () => {
  if (certificates === undefined) return;
  port = await freePort();
  const security = 'org.apache.kafka.common.security';
  const login = (mechanism: string) => `listener.name.sasl_ssl.${mechanism}.sasl.jaas.config`;
  kafka = await startTestKafka(
    {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': certificates.bundleFile,
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      [login('plain')]: `${security}.plain.PlainLoginModule required user_till="${password}";`,
      [login('scram-sha-256')]: `${security}.scram.ScramLoginModule required;`,
      [login('scram-sha-512')]: `${security}.scram.ScramLoginModule required;`,
      'transaction.state.log.num.partitions': '1',
      'offsets.topic.num.partitions': '1',
    },
    [`SASL_SSL://127.0.0.1:${port}`],
  );
  await makeTopics(kafka.brokers, { tags: topic }, 1);
  await addScramUser('till');
});
after(async () => {
  await kafka?.stop();
  certificates?.remove();
});

/** By the listener without a password, as an administrator of the brokers would. */
async function addScramUser(name: string): Promise<void> {
  const connection = new Connection('test');
  const [host, plainPort] = kafka.brokers[0]!.split(':');
  await connection.connect(host!, Number(plainPort));
  const iterations = 4096;
  const upserted = [
    { mechanism: 1, digest: 'sha256', bytes: 32 },
    { mechanism: 2, digest: 'sha512', bytes: 64 },
  ];
  for (const { mechanism, digest, bytes } of upserted) {
    const salt = randomBytes(16);
    const saltedPassword = pbkdf2Sync(password, salt, iterations, bytes, digest);
    const answer = await alterUserScramCredentialsV0.api.async(
      connection,
      [],
      [{ name, mechanism, iterations, salt, saltedPassword }],
    );
    assert.equal(answer.results[0]!.errorCode, 0);
  }
  await connection.close();
}

/** By the environment, as the program is given it. */
function configOf(changes: Record<string, string> = {}) {
  return readConfig({
    KAFKA_BROKERS: `127.0.0.1:${port}`,
    KAFKA_CA_FILE: certificates!.caFile,
    KAFKA_SASL_MECHANISM: 'PLAIN',
    KAFKA_SASL_USERNAME: 'till',
    KAFKA_SASL_PASSWORD: password,
    ...changes,
  }).kafka!;
}

for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
  test(`messages go out and come in by ${mechanism} over TLS`, { skip }, async () => {
    const config = configOf({ KAFKA_SASL_MECHANISM: mechanism });
    const headers = { 'event-id': mechanism, event: 'test', 'entity-seq': '1' };
    const send = async () => {
      const producer = await openEgressProducer(config, `tillstream-test-${mechanism}`);
      try {
        await producer.send([{ topic, key: 'k', value: mechanism, headers }]);
      } finally {
        await producer.close();
      }
    };
    // As the program does, since a broker that is busy with its first transaction may not answer in time.
    const isLate = (error: Error) => /did not answer within/.test(error.message);
    for (let tries = 1; ; tries++) {
      const trouble = await send().then(
        () => undefined,
        (error: Error) => error,
      );
      if (trouble === undefined) break;
      if (tries === 5 || !isLate(trouble)) throw trouble;
    }
    const consumer = new Consumer({
      ...kafkaConnection(config, 'test'),
      groupId: `test-${mechanism}`,
      deserializers: stringDeserializers,
    });
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    for await (const message of stream) if (message.value === mechanism) break;
    await consumer.close(true);
  });

test('what is wrong is told with what to do, and without the password', { skip }, async () => {
  const wrong: [Record<string, string>, RegExp][] = [
    [{ KAFKA_CA_FILE: certificates!.strangerFile }, /certificate.*KAFKA_CA_FILE/],
    [{ KAFKA_CA_FILE: '', KAFKA_TLS: 'true' }, /certificate.*KAFKA_CA_FILE/],
    [{ KAFKA_CA_FILE: '' }, /KAFKA_TLS=true/],
    [{ KAFKA_SASL_PASSWORD: 'wrong-secret' }, /KAFKA_SASL_PASSWORD/],
    [{ KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256', KAFKA_SASL_PASSWORD: 'wrong-secret' }, /KAFKA_SASL_PASSWORD/],
    [{ KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_SASL_USERNAME: 'nobody' }, /KAFKA_SASL_USERNAME/],
    [{ KAFKA_SASL_MECHANISM: 'none' }, /KAFKA_SASL_MECHANISM/],
    [{ KAFKA_BROKERS: kafka.brokers.join(), KAFKA_SASL_MECHANISM: 'none' }, /KAFKA_TLS.*left out/],
    [{ KAFKA_BROKERS: '127.0.0.1:1' }, /ECONNREFUSED.*KAFKA_BROKERS/],
  ];
  for (const [changes, reason] of wrong) {
    const admin = new Admin({ ...kafkaConnection(configOf(changes), 'test'), retries: 0 });
    const error = await admin.metadata({ topics: [] }).then(
      () => assert.fail(`let in: ${JSON.stringify(changes)}`),
      (thrown: unknown) => thrown,
    );
    await admin.close();
    assert.match(explainKafkaTrouble(error), reason);
    assert.doesNotMatch(explainKafkaTrouble(error), /secret/);
  }
});
