import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { readAlerts } from './read-rules.ts';

const skip = spawnSync('promtool', ['--version']).status === 0 ? false : 'promtool is not installed';
// Elsewhere, so that nothing from outside the folder is found.
const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-prometheus-'));
const own = path.join(folder, 'prometheus');
cpSync('deploy/prometheus', own, { recursive: true });
after(() => rmSync(folder, { recursive: true, force: true }));

function promtool(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', words, { cwd: own, encoding: 'utf8' });
  assert.equal(status, 0, `promtool ${words.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}
const filesOf = (kind: string) => globSync(`${kind}/*.yml`, { cwd: own }).sort();

test('the configuration stands on its own', { skip }, () => {
  assert.match(promtool('check', 'config', 'prometheus.yml'), /3 rule files found/);
});

test('rules are valid, and unit tests see them fire', { skip }, () => {
  promtool('check', 'rules', ...filesOf('rules'));
  promtool('test', 'rules', ...filesOf('tests'));
});

type Tests = {
  tests: { alert_rule_test?: { alertname: string; exp_alerts?: unknown[] }[] }[];
};

test('every alert fires in a unit test, and says how bad it is and what to do', () => {
  const tested = filesOf('tests').flatMap((file) =>
    (parse(readFileSync(path.join(own, file), 'utf8')) as Tests).tests.flatMap(
      (one) => one.alert_rule_test ?? [],
    ),
  );
  const fired = new Set(
    tested.filter((one) => (one.exp_alerts ?? []).length > 0).map((one) => one.alertname),
  );
  const alerts = readAlerts();
  assert.ok(alerts.length > 20, `${alerts.length} alerts`);
  for (const { alert, labels, annotations } of alerts) {
    assert.ok(fired.has(alert), `no unit test sees ${alert} fire`);
    assert.match(labels.severity ?? '', /^(critical|warning)$/, alert);
    assert.ok(annotations.summary && annotations.action, alert);
  }
});
