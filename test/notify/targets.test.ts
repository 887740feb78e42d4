import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { checkChannel } from '../../src/notify/check-channel.ts';
import { post } from '../../src/notify/post.ts';
import { isPublicAddress } from '../../src/notify/public-address.ts';
import { type Resolve, resolveWithSystem } from '../../src/notify/target.ts';
import { answers, hangs, type Receiver, startReceiver, takes } from './receiver.ts';

let receiver: Receiver;
before(async () => {
  receiver = await startReceiver();
});
after(() => receiver.stop());

const unknown: Resolve = async () => {
  throw new Error('no such name');
};
const resolvesTo =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

test('only addresses of the internet at large are public', () => {
  const refused = [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1'],
    ...[
      '172.31.255.255',
      '192.0.0.1',
      '192.168.1.1',
      '198.18.0.1',
      '224.0.0.1',
      '240.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '::',
      '::1',
      '::ffff:8.8.8.8',
      '::ffff:7f00:1',
      '64:ff9b::a00:1',
      '64:ff9b:1::1',
      'fc00::1',
      'fd12:3456::1',
    ],
    ...[
      'fe80::1',
      'fe80::1%eth0',
      'fec0::1',
      'ff02::1',
      '2001:db8::1',
      '2002:7f00:1::1',
      '2001::1',
      '::7f00:1',
    ],
    ...['100::1', 'fd00:ec2::254', 'localhost', '', '8.8.8'],
  ];
  assert.deepEqual(refused.filter(isPublicAddress), []);
  const taken = [
    '8.8.8.8',
    '1.1.1.1',
    '100.63.255.255',
    '172.32.0.1',
    '2606:4700:4700::1111',
    '2a00:1450::1',
  ];
  assert.deepEqual(
    taken.filter((address) => !isPublicAddress(address)),
    [],
  );
});

test('a webhook is refused when it is put, however its address is spelled', async () => {
  const put = (url: string, resolve: Resolve = unknown, allowPrivateTargets = false) =>
    checkChannel({ kind: 'webhook', url }, false, { allowPrivateTargets, smtp: undefined, resolve });
  const refused = [
    ...['http://127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://0177.0.0.1/', 'http://[::1]/'],
    ...['http://[::ffff:10.0.0.1]/', 'http://169.254.169.254/latest/meta-data/', 'http://[fd00:ec2::254]/'],
    ...[
      'ftp://example.com/',
      'file:///etc/passwd',
      'https://user:password@example.com/',
      'example.com',
      '//x',
    ],
  ];
  for (const url of refused) await assert.rejects(put(url), { code: 'invalid_parameters' }, url);
  await assert.rejects(
    put('https://intern.example.com/', resolvesTo('10.0.0.1', 'fd00::1')),
    /url is not a public/,
  );
  await put('https://example.com/', resolvesTo('93.184.215.14', '10.0.0.1'));
  await assert.rejects(put('http://localhost/', resolveWithSystem), /url is not a public/);
  // Nobody knows it now; it is looked at again at each connect.
  await put('https://not-yet.example.com/');
  await put('http://127.0.0.1/', unknown, true);
  await assert.rejects(
    put('https://user:password@example.com/', unknown, true),
    /holds a user or a password/,
  );
});

const options = (changes: Partial<Parameters<typeof post>[0]> = {}) => ({
  ...{ url: receiver.url, headers: {}, body: '{}', timeoutMs: 20_000, allowPrivate: true, resolve: unknown },
  ...changes,
});

test('a name that turns private after it was put is refused at connect, and so is an address', async () => {
  const port = new URL(receiver.url).port;
  const url = `http://rebinds.example.com:${port}/hook`;
  let asked = 0;
  const rebinds: Resolve = async () => {
    asked++;
    return [{ address: asked === 1 ? '93.184.215.14' : '127.0.0.1', family: 4 }];
  };
  const deps = { allowPrivateTargets: false, smtp: undefined, resolve: rebinds };
  await checkChannel({ kind: 'webhook', url }, false, deps);
  await assert.rejects(post(options({ url, allowPrivate: false, resolve: rebinds })), {
    name: 'RefusedTarget',
  });
  assert.equal(asked, 2);
  await assert.rejects(post(options({ allowPrivate: false })), { name: 'RefusedTarget' });
  assert.equal(receiver.all.length, 0);
  // What was resolved and checked is what is connected to: nobody asks a second time.
  const answer = await post(options({ url, resolve: rebinds }));
  assert.equal(answer.status, 200);
  assert.equal(asked, 3);
  assert.equal(receiver.all[0]!.headers.host, `rebinds.example.com:${port}`);
});

test('with TLS the name is asked for and proved, whatever address it has', async () => {
  let asked: string | undefined;
  const server = createServer({
    SNICallback(name, callback) {
      asked = name;
      callback(new Error('no certificate'));
    },
  }).on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://hooks.example.com:${(server.address() as AddressInfo).port}/`;
  await assert.rejects(post(options({ url, resolve: resolvesTo('127.0.0.1') })));
  assert.equal(asked, 'hooks.example.com');
  await new Promise((resolve) => server.close(resolve));
});

test('redirects are not followed, long answers are cut off, and silence ends', async () => {
  const { length } = receiver.all;
  receiver.behave(answers(302, { location: receiver.url }));
  assert.equal((await post(options())).status, 302);
  assert.equal(receiver.all.length, length + 1);
  receiver.behave((response) => {
    response.writeHead(200);
    const more = (error?: Error | null) => {
      if (!error && !response.destroyed) response.write(Buffer.alloc(16_384), more);
    };
    more();
  });
  const long = await post(options());
  assert.equal(long.status, 200);
  assert.ok(long.text.length < 200_000, `${long.text.length} were read`);
  receiver.behave((response) => response.writeHead(200).write('it goes on'));
  assert.equal((await post(options({ timeoutMs: 1_500 }))).status, 200);
  receiver.behave(hangs);
  await assert.rejects(post(options({ timeoutMs: 150 })), /no answer within 0.15 s/);
  // Who wants to speak another protocol has answered nothing: the connection ends without an error.
  receiver.behave((response) =>
    response.writeHead(101, { connection: 'upgrade', upgrade: 'websocket' }).end(),
  );
  await assert.rejects(post(options({ timeoutMs: 5_000 })), /ended the connection without an answer/);
  const stopping = new AbortController();
  const hanging = post(options({ signal: stopping.signal }));
  stopping.abort(new Error('the program stops'));
  await assert.rejects(hanging, /the program stops/);
  receiver.behave(takes);
});
