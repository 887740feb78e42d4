import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { receipt, startTestProgram, type TestProgram } from '../program.ts';

let tested: TestProgram;
before(async () => {
  tested = await startTestProgram();
});
after(() => tested.stop());

/** The value of one series, undefined where it is not there. */
async function value(series: string): Promise<number | undefined> {
  const { body } = await tested.call('GET', '/metrics');
  const line = (body as string).split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}
const batches = (role: string, stage: string) =>
  value(`tillstream_message_seconds_count{role="${role}",stage="${stage}"}`);
const documents = (role: string, topic: string, direction: string, verdict: string) =>
  value(
    `tillstream_messages_total{role="${role}",topic="${topic}",direction="${direction}",verdict="${verdict}"}`,
  );

const passed = [
  ['collector', 'read'],
  ['collector', 'parse'],
  ['collector', 'append'],
  ['processor', 'admit'],
  ['processor', 'load'],
  ['processor', 'fold'],
  ['worker', 'reattribute'],
] as const;

test('every stage has its series from the start, and moves with the documents', async () => {
  for (const [role, stage] of [...passed, ['processor', 'roll-up'] as const])
    assert.equal(await batches(role, stage), 0, `${role} ${stage}`);

  const three = [receipt(), receipt(), { ...receipt(), transaction_id: 'bad', items: [] }];
  const sent = three.map((one) => JSON.stringify(one)).join('\n');
  const headers = { 'content-type': 'application/x-ndjson' };
  assert.equal((await tested.call('POST', '/api/checks/', sent, headers)).status, 202);
  const zone = { time_zone: 'Asia/Tokyo', since: 'beginning' };
  assert.equal((await tested.call('PUT', '/api/places/unique_place_id1', zone)).status, 200);
  await tested.settle();
  while ((await batches('worker', 'reattribute')) === 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
  for (const [role, stage] of passed)
    assert.ok((await batches(role, stage))! > 0, `${role} ${stage} was never passed`);

  assert.equal(await value('tillstream_ready{check="database"}'), 1);
  for (const [result, times] of [
    ['done', 1],
    ['failed', 0],
  ] as const)
    assert.equal(await value(`tillstream_jobs_total{queue="reattribute",result="${result}"}`), times);

  assert.equal(await documents('collector', 'http', 'in', 'valid'), 2);
  assert.equal(await documents('collector', 'http', 'in', 'rejected'), 1);
  assert.equal(await documents('collector', 'direct', 'out', 'sent'), 3);
  for (const verdict of ['accepted', 'duplicate', 'rejected'])
    assert.equal(await documents('processor', 'direct', 'in', verdict), 1, verdict);

  const loads = (await batches('processor', 'load'))!;
  const product =
    '<product><id>1</id><name>A</name><quantity>1</quantity><price>2</price><category>C</category></product>';
  const file = `<sales_data date="2024-01-01"><products>${product}</products></sales_data>`;
  const xml = { 'content-type': 'application/xml' };
  assert.equal((await tested.call('POST', '/api/daily-sales/', file, xml)).status, 202);
  assert.equal(await batches('processor', 'load'), loads + 1, 'a daily file is loaded too');
});
