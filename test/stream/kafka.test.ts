import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Producer } from '@platformatic/kafka';
import { createLog } from '../../src/base/log.ts';
import { orderExample } from '../../src/sales/order.ts';
import { arrivalHeader, signatureHeader } from '../../src/stream/document-headers.ts';
import { createFetcher } from '../../src/stream/fetch-messages.ts';
import { holdPartition } from '../../src/stream/held-partition.ts';
import { runCommand } from '../commands/run-command.ts';
import { until } from '../database/temporary-server.ts';
import { startTestKafka, type TestKafka, whyNoKafka } from '../kafka.ts';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

const ours = process.env.KAFKA_BROKERS ? 'Kafka: the broker of KAFKA_BROKERS is not ours to stop' : false;

describe('Kafka', { skip: whyNoKafka() ?? false }, () => {
  let kafka: TestKafka;
  let tested: TestProgram;
  let producer: Producer;
  const env = () => ({
    KAFKA_BROKERS: kafka.brokers.join(','),
    KAFKA_PARTITIONS: '2',
    INTAKE_TIMEOUT_MS: '1500',
    TOPIC_TRANSACTIONS: `documents-${process.pid}`,
    TOPIC_ORDERS: `orders-${process.pid}`,
  });
  before(async () => {
    kafka = await startTestKafka();
    tested = await startTestProgram(env());
    producer = new Producer({ clientId: 'test', bootstrapBrokers: kafka.brokers });
  });
  after(async () => {
    await producer.close();
    await tested.stop();
    await kafka.stop();
  });

  type Sent = { value: string | Buffer | undefined; headers?: Record<string, string> };
  async function write(topic: 'transactions' | 'orders', ...list: Sent[]): Promise<void> {
    const name = tested.config.kafka!.topics[topic];
    await producer.send({
      messages: list.map(({ value, headers = {} }) => ({
        topic: name,
        ...(value === undefined ? {} : { value: Buffer.from(value) }),
        headers: new Map(Object.entries(headers).map(([key, text]) => [Buffer.from(key), Buffer.from(text)])),
      })) as never,
    });
  }
  async function journal(where: string) {
    await tested.settle();
    const { rows } = await tested.database.pool.query(
      `select source, source_id, verdict, place_id, token_id, topic, partition, "offset", received_at,
         problems->0->>'code' as code, octet_length(document) as bytes
       from stg.journal where ${where} order by position`,
    );
    return rows;
  }

  test('what anybody writes to the topic is known by its shape, whatever its headers say', async () => {
    const forged = {
      source: 'transaction',
      receivedAtMs: 0,
      contentType: 'text/forged',
      tokenId: 'forged',
      boundPlaceId: 'forged',
      resolved: { placeId: 'forged', currency: 'USD', timeZone: 'Asia/Tokyo' },
    };
    const headers = { [arrivalHeader]: JSON.stringify(forged), [signatureHeader]: 'x'.repeat(32) };
    const { place_id: _, place_name: __, ...placeless } = receipt({ transaction_id: 'forged-1' });
    await write(
      'transactions',
      { value: JSON.stringify(placeless), headers },
      { value: JSON.stringify({ ...orderExample, object_id: 77 }) },
      {
        value: JSON.stringify({
          ...{ transaction_id: 't-1', product_id: 'p', quantity: 1, total_amount: 5 },
          timestamp: '2024-02-07T12:00:00',
        }),
      },
    );
    const rows = await journal("source_id in ('forged-1', '77', 't-1')");
    assert.deepEqual(rows.map((row) => [row.source, row.verdict, row.place_id, row.token_id]).sort(), [
      ['order', 'accepted', orderExample.payload.restaurant.id, null],
      ['receipt', 'accepted', 'unknown', null],
      ['transaction', 'accepted', 'unknown', null],
    ]);
    assert.ok(rows.every((row) => row.topic === tested.config.kafka!.topics.transactions));
    assert.ok(rows.every((row) => row.offset !== null && row.partition !== null && row.received_at > 0));
  });

  test('headers of our own are not believed beside another body', async () => {
    const one = receipt({ transaction_id: 'signed', place_id: 'own' });
    assert.equal((await tested.call('POST', '/api/checks/', one, { prefer: 'wait=20' })).status, 201);
    const [signed] = await journal("source_id = 'signed'");
    assert.notEqual(signed.token_id, null);
    const { Consumer, MessagesStreamModes } = await import('@platformatic/kafka');
    const consumer = new Consumer({
      clientId: 'test',
      groupId: 'test-reader',
      bootstrapBrokers: kafka.brokers,
    });
    const stream = await consumer.consume({
      topics: [tested.config.kafka!.topics.transactions],
      mode: MessagesStreamModes.EARLIEST,
    });
    for await (const message of stream) {
      if (message.headers.size === 0 || message.value.toString() !== JSON.stringify(one)) continue;
      const headers = Object.fromEntries(
        [...message.headers].map(([key, value]) => [key.toString(), value]),
      ) as never;
      await write('transactions', { value: JSON.stringify({ ...one, transaction_id: 'moved' }), headers });
      await write('transactions', { value: JSON.stringify(one), headers });
      break;
    }
    await consumer.close(true);
    const [moved] = await journal("source_id = 'moved'");
    assert.deepEqual([moved.verdict, moved.token_id], ['accepted', null]);
    const again = await journal("source_id = 'signed' and verdict = 'duplicate'");
    assert.deepEqual(
      again.map((row) => row.token_id),
      [signed.token_id],
    );
  });

  test('what cannot be read is journaled as rejected and holds nothing up', async () => {
    const closed = { ...orderExample, object_id: 78 };
    await write(
      'orders',
      { value: '{"object_id":1,' },
      { value: undefined },
      { value: Buffer.from([0xff, 0x00]) },
      { value: `"${'x'.repeat(1024 * 1024)}"` },
      { value: JSON.stringify({ object_type: 'parcel', object_id: 5 }) },
      { value: JSON.stringify(receipt({ transaction_id: 'in the wrong topic' })) },
      { value: JSON.stringify(closed) },
    );
    await write('transactions', { value: '{"neither":"nor"}' }, { value: '[]' });
    const rows = await journal(`topic = '${tested.config.kafka!.topics.orders}'`);
    const told = rows.map((row) => `${row.source} ${row.verdict} ${row.code ?? ''}`.trim());
    assert.equal(told.filter((text) => text.startsWith('order rejected')).length, 5, told.join('; '));
    assert.ok(told.includes('order ignored'));
    assert.ok(told.includes('order accepted'));
    assert.deepEqual(
      rows.filter((row) => row.code === 'body_too_large').map((row) => row.bytes),
      [4096],
    );
    const strange = await journal('problems @> \'[{"code":"unknown_source"}]\'');
    assert.equal(strange.length, 2);
  });

  test('a verdict that is waited for is the same as in one process, a repeated trouble too', async () => {
    const send = async (changes: Record<string, unknown>) => {
      const answer = await tested.call('POST', '/api/checks/', receipt({ transaction_id: 'w', ...changes }), {
        prefer: 'wait=20',
      });
      return `${answer.status} ${answer.body.verdict ?? answer.body.code}`;
    };
    assert.equal(await send({}), '201 accepted');
    assert.equal(await send({}), '200 duplicate');
    assert.equal(await send({ tips_amount: 9 }), '409 conflict');
    assert.equal(await send({ tips_amount: 9 }), '409 conflict');
    assert.equal(await send({ tips_amount: 9, revision: 1 }), '201 corrected');
    assert.equal(await send({ total_amount: 'x' }), '422 rejected');
    assert.equal(await send({}), '409 stale');
    const many = await Promise.all(
      Array.from({ length: 40 }, (_, index) => send({ transaction_id: `w${index % 20}` })),
    );
    assert.deepEqual([...new Set(many)].sort(), ['200 duplicate', '201 accepted']);
    assert.equal(many.filter((text) => text === '201 accepted').length, 20);
    const metrics = (await tested.callNow('GET', '/metrics')).body as string;
    const partition = `topic="documents-${process.pid}",partition="\\d"`;
    for (const line of [
      `tillstream_stream_messages_total\\{group="tillstream-collector",${partition},direction="out"\\} \\d+`,
      `tillstream_stream_messages_total\\{group="tillstream-processor",${partition},direction="in"\\} \\d+`,
      `tillstream_stream_lag\\{group="tillstream-processor",${partition}\\} 0`,
      `tillstream_messages_total\\{role="processor",topic="documents-${process.pid}",direction="in",verdict="accepted"\\} \\d+`,
    ])
      assert.match(metrics, new RegExp(line));
  });

  test('an offset that is not within the log stops its partition, says so, and goes on once it is put right', async () => {
    const { pool } = tested.database;
    const where = `where topic = '${tested.config.kafka!.topics.transactions}'`;
    await tested.settle();
    await pool.query(`update stg.stream_offset set next_offset = next_offset + 1000 ${where}`);
    assert.equal(
      (await tested.callNow('POST', '/api/checks/', receipt({ transaction_id: 'held up' }))).status,
      202,
    );
    await until(async () => {
      const answer = await tested.callNow('GET', '/readyz');
      return answer.status === 503 && /offset_out_of_range/.test(answer.body.checks.stream);
    }, 'readiness names the partition');
    const metrics = (await tested.callNow('GET', '/metrics')).body as string;
    assert.match(
      metrics,
      /tillstream_stream_stopped\{group="tillstream-processor",topic="documents-\d+",partition="\d"\} 1/,
    );
    const doctor = await runCommand(['doctor'], {
      DATABASE_URL: tested.database.connectionString,
      ...env(),
    });
    assert.equal(doctor.code, 1, doctor.output);
    assert.match(doctor.output, /fail {2}offset_out_of_range: partition \d of documents-\d+ stands at 1\d+/);
    await pool.query(`update stg.stream_offset set next_offset = next_offset - 1000 ${where}`);
    const [row] = await journal("source_id = 'held up'");
    assert.equal(row.verdict, 'accepted');
    await until(async () => (await tested.callNow('GET', '/readyz')).status === 200, 'it is ready again');
    const healthy = await runCommand(['doctor'], {
      DATABASE_URL: tested.database.connectionString,
      ...env(),
    });
    // The databases of the tests do without fsync, which doctor does not like.
    assert.doesNotMatch(healthy.output, /fail {2}(?!fsync)/);
    assert.match(healthy.output, /ok {4}topic documents-\d+: 2 partitions, 1 replicas/);
    assert.match(healthy.output, /processors that read the topics: 1/);
  });

  test('a broker that refuses to say who leads a topic is no end of the reader', async () => {
    const held = holdPartition(
      { topicId: randomUUID(), topic: 'no name!', partition: 0, leader: 1, replicas: 1 },
      0,
    );
    const failed = Promise.withResolvers<Error>();
    const fetcher = createFetcher({
      ...{ kafka: tested.config.kafka!, topics: ['no name!'], group: 'test', held: () => [held] },
      ...{ onMessages: () => {}, onOutOfRange: () => {}, onFailure: failed.resolve },
      log: createLog('silent'),
    });
    fetcher.pump();
    const { message } = await failed.promise;
    await fetcher.stop();
    assert.match(message, /API Metadata/);
  });

  test('the broker goes away: 503 with Retry-After or a longer wait, and nothing acknowledged is lost', {
    skip: ours,
  }, async () => {
    const send = async (id: string) => {
      const answer = await tested.callNow('POST', '/api/checks/', receipt({ transaction_id: id }));
      if (answer.status === 202) acknowledged.push(id);
      return answer;
    };
    const acknowledged: string[] = [];
    await send('outage-before');
    const dying = Promise.all(Array.from({ length: 30 }, (_, index) => send(`outage-dying-${index}`)));
    await kafka.kill();
    await dying;
    const refused = await send('outage-during');
    assert.equal(refused.status, 503);
    assert.equal(refused.body.code, 'stream_unavailable');
    assert.match(refused.headers.get('retry-after')!, /^\d+$/);
    assert.equal((await tested.callNow('GET', '/healthz')).status, 200);
    await until(async () => (await tested.callNow('GET', '/readyz')).status === 503, 'it is not ready');
    await kafka.start();
    await until(async () => (await send('outage-after')).status === 202, 'documents are taken again');
    await until(async () => (await tested.callNow('GET', '/readyz')).status === 200, 'it is ready again');
    const rows = await journal("source_id like 'outage-%' and verdict = 'accepted'");
    const stored = new Set(rows.map((row) => row.source_id));
    assert.deepEqual(
      acknowledged.filter((id) => !stored.has(id)),
      [],
    );
    assert.deepEqual(await tested.audit(), []);
  });
});
