import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { findBuild, webFolder } from '../../src/dashboard/find-build.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-build-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const root = path.dirname(webFolder);

/** A small dashboard with the real way to build it. */
function makeWeb(): string {
  const web = path.join(folder, 'web');
  mkdirSync(path.join(web, 'src'), { recursive: true });
  mkdirSync(path.join(web, 'public'));
  for (const file of ['build.ts', 'vite.config.ts', 'package.json', 'tsconfig.json'])
    cpSync(path.join(webFolder, file), path.join(web, file));
  cpSync(path.join(root, 'tsconfig.json'), path.join(folder, 'tsconfig.json'));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(
    path.join(web, 'index.html'),
    '<base href="/" /><script type="module" src="./src/main.tsx"></script>',
  );
  writeFileSync(path.join(web, 'src/main.tsx'), 'document.title = "first";');
  return web;
}

test('a build is made once for its sources, however many ask, and anew when they change', async () => {
  const web = makeWeb();
  const [one, other] = await Promise.all([findBuild(web), findBuild(web)]);
  assert.equal(one, other);
  assert.ok(existsSync(path.join(one, 'index.html')));
  assert.equal(await findBuild(web), one);
  writeFileSync(path.join(web, 'src/main.tsx'), 'document.title = "second";');
  const next = await findBuild(web);
  assert.notEqual(next, one);
  assert.deepEqual(readdirSync(path.join(web, 'dist')), [path.basename(next)], 'nothing else is left behind');
  rmSync(path.join(web, 'src'), { recursive: true });
  assert.equal(await findBuild(web), next, 'without sources what was built is served');
  rmSync(path.join(web, 'dist'), { recursive: true });
  await assert.rejects(findBuild(web), /dashboard is not built/);
});

test('sources that do not build are told of, and nothing half-made is left', async () => {
  const web = path.join(folder, 'web');
  mkdirSync(path.join(web, 'src'));
  writeFileSync(path.join(web, 'src/main.tsx'), 'import "./missing.ts";');
  await assert.rejects(findBuild(web), /missing\.ts/);
  assert.deepEqual(readdirSync(path.join(web, 'dist')), []);
});
