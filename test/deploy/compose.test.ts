import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { programRoles } from '../../src/roles.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const compose = read('compose.yaml');
const example = read('deploy/compose.env.example');
/** All that the containers may take together on a machine with 4 GB, in MiB; they do not all take it at once. */
const memoryLimit = 3584;
const secrets = ['POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'ADMIN_TOKEN', 'GRAFANA_PASSWORD'];

/** The text of each service by its name. */
const services = new Map(
  compose
    .slice(compose.indexOf('\nservices:\n'), compose.indexOf('\nvolumes:\n'))
    .split(/\n {2}(?=[\w-]+:\n)/)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf(':')), text]),
);
const programServices = [...services].filter(([, text]) => text.includes('<<: *program'));

test('every role has a service, and they and the servers fit a small machine', () => {
  const roles = programServices.flatMap(
    ([, text]) => /command: \[start, --roles, ([\w,]+)\]/.exec(text)?.[1]?.split(',') ?? [],
  );
  assert.deepEqual(
    programRoles.filter((role) => !roles.includes(role)),
    [],
  );
  const limits = [...services].map(([name, text]) => {
    const limit = /mem_limit: (\d+)m\n/.exec(`${text}\n`)?.[1];
    assert.ok(limit, `${name} has no limit of memory`);
    return Number(limit);
  });
  const whole = limits.reduce((sum, limit) => sum + limit, 0);
  assert.ok(whole <= memoryLimit, `${whole} MiB are allowed`);
});

test('nothing is published to other machines, no image floats, no secret has a default', () => {
  const ports = [...compose.matchAll(/^ +- "(.*:\d+)"$/gm)].map((match) => match[1]!);
  assert.equal(ports.length, 3);
  for (const port of ports) assert.match(port, /^\$\{[A-Z_]+:-127\.0\.0\.1:/);
  const images = [...compose.matchAll(/image: (.*)/g)].map((match) => match[1]!);
  for (const image of images.filter((name) => !name.includes('TILLSTREAM_IMAGE')))
    assert.match(image, /:v?\d[\w.-]*$/);
  for (const name of secrets) {
    assert.match(example, new RegExp(`^${name}=$`, 'm'));
    assert.match(compose, new RegExp(`\\$\\{${name}:\\?`));
  }
});

test('the gateway, Prometheus and the example of settings know the services as they are', () => {
  const names = programServices.map(([name]) => name);
  const asked = [...read('deploy/nginx/nginx.conf').matchAll(/ ([\w-]+):8080;/g)].map((match) => match[1]!);
  assert.deepEqual(new Set(asked), new Set(['data-collector', 'analytics-service']));
  for (const name of asked) assert.ok(names.includes(name), name);
  const scraped = /names: \[(.*)\]/.exec(read('deploy/prometheus/prometheus.yml'))![1]!;
  assert.deepEqual(scraped.split(', ').sort(), names.sort());
  const optional = ['POSTGRES_USER', 'POSTGRES_DB', 'POSTGRES_MAX_CONNECTIONS', 'KAFKA_CLUSTER_ID'];
  const used = [...compose.matchAll(/(?<!\$)\$\{([A-Z_]+)/g)].map((match) => match[1]!);
  for (const name of new Set(used))
    assert.ok(optional.includes(name) || new RegExp(`^#? ?${name}=`, 'm').test(example), name);
});

const tool = [['docker-compose'], ['docker', 'compose']].find(
  ([command, ...rest]) => spawnSync(command!, [...rest, 'version']).status === 0,
);
const skip = tool === undefined ? 'neither docker-compose nor docker compose is installed' : false;
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-compose-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('compose reads the file, and refuses it while a secret is missing', { skip }, () => {
  copyFileSync('compose.yaml', path.join(folder, 'compose.yaml'));
  const check = (settings: string) => {
    writeFileSync(path.join(folder, '.env'), settings);
    const [command, ...rest] = tool!;
    const env = { PATH: process.env.PATH, HOME: folder };
    return spawnSync(command!, [...rest, 'config', '-q'], { cwd: folder, encoding: 'utf8', env });
  };
  const whole = secrets.reduce(
    (text, name) => text.replace(`\n${name}=\n`, `\n${name}=some-value\n`),
    example,
  );
  const read = check(whole);
  assert.equal(read.status, 0, read.stderr);
  for (const name of secrets) {
    const refused = check(whole.replace(`\n${name}=some-value\n`, `\n${name}=\n`));
    assert.notEqual(refused.status, 0, name);
    assert.match(refused.stderr, new RegExp(`set ${name} in \\.env`));
  }
});
