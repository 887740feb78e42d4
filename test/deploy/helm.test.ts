import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { programRoles } from '../../src/roles.ts';
import { findMistakes, type Rendered, render, runHelm, whyNoHelm } from './helm.ts';
import { readAlerts } from './read-rules.ts';

const skip = whyNoHelm() ?? false;
const names = ['small', 'whole', 'gateway'] as const;
const rendered: Record<string, Rendered[]> = skip
  ? {}
  : Object.fromEntries(names.map((name) => [name, render(name)]));
const of = (name: string, kind: string) => rendered[name]!.filter((one) => one.kind === kind);
const compose = readFileSync('compose.yaml', 'utf8');

for (const name of names)
  test(`the chart is valid with the values of ${name}`, { skip }, () => {
    const { status, stdout } = runHelm('lint', name, '--strict');
    assert.equal(status, 0, stdout);
    assert.deepEqual(rendered[name]!.flatMap(findMistakes), []);
    const named = rendered[name]!.map((one) => `${one.kind} ${one.metadata.name}`);
    assert.deepEqual(named.length, new Set(named).size, 'two documents of one name');
  });

test('a field that Kubernetes does not know is found', { skip }, () => {
  const [deployment] = of('small', 'Deployment');
  const changed = structuredClone(deployment!);
  changed.spec.template.spec.containers[0].readinesProbe = {};
  assert.match(findMistakes(changed)[0]!, /containers\/0 .*additional.*readinesProbe/);
  const wrong = structuredClone(deployment!);
  wrong.spec.replicas = 'two';
  assert.match(findMistakes(wrong)[0]!, /spec\/replicas must be integer/);
  assert.match(findMistakes({ ...deployment!, kind: 'Deploiment' })[0]!, /no schema/);
});

test('every role has its Deployment under the name that compose.yaml gives it', { skip }, () => {
  const deployments = of('small', 'Deployment');
  const roles = deployments.map((one) => one.spec.template.spec.containers[0].args.at(-1) as string);
  assert.deepEqual(roles.toSorted(), programRoles.toSorted());
  for (const [index, one] of deployments.entries()) {
    const component = one.metadata.labels['app.kubernetes.io/component']!;
    assert.equal(one.metadata.name, `shop-tillstream-${component}`);
    assert.match(compose, new RegExp(`\\n  ${component}:\\n[^#]*?--roles, ${roles[index]}\\]`));
  }
});

const podsOf = (name: string): { document: Rendered; pod: any }[] =>
  [...of(name, 'Deployment'), ...of(name, 'Job')].map((document) => ({
    document,
    pod: document.spec.template.spec,
  }));

test('programs have no root, no token of Kubernetes, a read-only file system, limits and probes', {
  skip,
}, () => {
  for (const { document, pod } of names.flatMap(podsOf)) {
    const [container] = pod.containers;
    const who = `${document.kind} ${document.metadata.name}`;
    assert.equal(pod.automountServiceAccountToken, false, who);
    assert.equal(pod.securityContext.runAsNonRoot, true, who);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault', who);
    assert.deepEqual(
      container.securityContext,
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      who,
    );
    assert.ok(container.resources.limits.memory && container.resources.requests.cpu, who);
    const mounted = container.volumeMounts.map((one: any) => one.name);
    assert.deepEqual(
      pod.volumes.map((one: any) => one.name),
      mounted,
      who,
    );
    if (document.kind === 'Job') continue;
    const base = document.metadata.name.startsWith('shop') && pod.tolerations ? '/sales' : '';
    assert.equal(container.livenessProbe.httpGet.path, `${base}/healthz`, who);
    assert.equal(container.readinessProbe.httpGet.path, `${base}/readyz`, who);
    const heapMb = Number(
      /\d+/.exec(container.env.find((one: any) => one.name === 'NODE_OPTIONS').value)![0],
    );
    assert.ok(heapMb < Number.parseInt(container.resources.limits.memory, 10), who);
  }
});

test('secrets are named, never held, and settings are settings of the program', { skip }, () => {
  const known = readFileSync('.env.example', 'utf8');
  const others = ['NODE_OPTIONS', 'SMTP_URL', 'SECRETS_KEY'];
  for (const { document, pod } of names.flatMap(podsOf)) {
    const env: any[] = pod.containers[0].env;
    assert.equal(new Set(env.map(({ name }) => name)).size, env.length, 'a variable stands twice');
    for (const { name, value, valueFrom } of env) {
      if (!others.includes(name)) assert.match(known, new RegExp(`^${name}=`, 'm'), name);
      const isSecret = /TOKEN|PASSWORD|KEY$|_URL$|USERNAME/.test(name);
      assert.equal(valueFrom !== undefined, isSecret, `${document.metadata.name}: ${name}`);
      if (isSecret) assert.ok(valueFrom.secretKeyRef.name && value === undefined, name);
    }
  }
  for (const name of names) assert.deepEqual(of(name, 'Secret'), []);
});

test('selectors find programs, and what points at a name points at one that is there', { skip }, () => {
  for (const name of names) {
    const pods = of(name, 'Deployment').map((one) => one.spec.template.metadata.labels);
    const finds = (selector: Record<string, string>) =>
      pods.filter((labels) => Object.entries(selector).every(([key, value]) => labels[key] === value)).length;
    for (const one of of(name, 'Service')) assert.equal(finds(one.spec.selector), 1, one.metadata.name);
    for (const one of [...of(name, 'Deployment'), ...of(name, 'PodDisruptionBudget')])
      assert.equal(finds(one.spec.selector.matchLabels), 1, one.metadata.name);
    for (const one of of(name, 'NetworkPolicy'))
      assert.ok(finds(one.spec.podSelector.matchLabels) >= 1, one.metadata.name);
    const deployments = of(name, 'Deployment').map((one) => one.metadata.name);
    for (const one of [...of(name, 'HorizontalPodAutoscaler'), ...of(name, 'ScaledObject')])
      assert.ok(deployments.includes(one.spec.scaleTargetRef.name), one.metadata.name);
  }
});

test('one thing scales a Deployment: its CPU, or lag where KEDA is', { skip }, () => {
  const scaledBy = (name: string) =>
    [...of(name, 'HorizontalPodAutoscaler'), ...of(name, 'ScaledObject')].map((one) => [
      one.kind,
      one.spec.scaleTargetRef.name,
    ]);
  assert.deepEqual(scaledBy('small'), []);
  assert.deepEqual(scaledBy('gateway'), [['HorizontalPodAutoscaler', 'tills-data-processor']]);
  assert.deepEqual(scaledBy('whole'), [
    ['HorizontalPodAutoscaler', 'shop-tillstream-analytics-service'],
    ['HorizontalPodAutoscaler', 'shop-tillstream-data-collector'],
    ['ScaledObject', 'shop-tillstream-data-processor'],
  ]);
  const [byLag] = of('whole', 'ScaledObject');
  const [lag, cpu] = byLag!.spec.triggers;
  assert.equal(lag.metadata.query, 'sum(tillstream_stream_lag{namespace="sales"})');
  assert.equal(cpu.type, 'cpu');
  assert.equal(byLag!.spec.maxReplicaCount, 4, 'no more than there are partitions');
  // Who is scaled says nothing of how many there are, or an upgrade would undo it.
  for (const name of names) {
    const scaled = scaledBy(name).map(([, target]) => target);
    for (const one of of(name, 'Deployment'))
      assert.equal(one.spec.replicas === undefined, scaled.includes(one.metadata.name), one.metadata.name);
  }
});

test('the database is brought up to date before programs that do not do it', { skip }, () => {
  const migrate = (name: string) =>
    of(name, 'Deployment')[0]!.spec.template.spec.containers[0].env.find((one: any) => one.name === 'MIGRATE')
      .value;
  const [job] = of('small', 'Job');
  assert.equal(job!.metadata.annotations?.['helm.sh/hook'], 'pre-install,pre-upgrade');
  assert.deepEqual(job!.spec.template.spec.containers[0].args, ['migrate']);
  assert.equal(migrate('small'), 'off');
  assert.deepEqual([of('gateway', 'Job').length, migrate('gateway')], [0, 'on']);
});

test('the way in has the path and the hosts that are asked for', { skip }, () => {
  const [ingress] = of('whole', 'Ingress');
  const [sales, tills] = ingress!.spec.rules;
  for (const { path } of sales.http.paths) assert.match(path, /^\/sales(\/api\/[\w/-]+)?$/);
  assert.equal(tills.host, 'tills.example.com');
  assert.deepEqual(
    tills.http.paths.map((one: any) => one.backend.service.name),
    ['shop-tillstream-data-collector'],
  );
  assert.deepEqual(ingress!.spec.tls[0].hosts, ['sales.example.com', 'tills.example.com']);
  assert.deepEqual([of('small', 'Ingress'), of('small', 'HTTPRoute')], [[], []]);
});

test('networks are closed but for what each program needs', { skip }, () => {
  const policies = of('whole', 'NetworkPolicy');
  const every = policies.find((one) => one.metadata.name === 'shop-tillstream')!;
  assert.deepEqual(every.spec.policyTypes, ['Ingress', 'Egress']);
  const ports = (rules: any[]) => rules.flatMap((rule) => rule.ports.map(({ port }: any) => port));
  assert.deepEqual(ports(every.spec.egress), [53, 53, 5432, 9092, 9093, 6379, 6380, 1025]);
  assert.deepEqual(every.spec.egress[1].to, [{ ipBlock: { cidr: '10.1.2.3/32' } }]);
  const speaks = policies.filter((one) => one.spec.policyTypes.includes('Egress') && one !== every);
  assert.deepEqual(
    speaks.map((one) => one.metadata.labels['app.kubernetes.io/component']),
    ['analytics-service', 'notification-service', 'worker'],
    'who sends messages, be it to try a channel out, or asks a model',
  );
  for (const one of speaks)
    assert.ok(one.spec.egress[0].to[0].ipBlock.except.includes('169.254.0.0/16'), 'metadata of the cloud');
  const small = of('small', 'NetworkPolicy').find((one) => one.metadata.name === 'shop-tillstream')!;
  assert.ok(!ports(small.spec.egress).includes(6379), 'there is no Redis');
});

test('the operator of Prometheus gets every alert, and Grafana every dashboard', { skip }, () => {
  const [rule] = of('whole', 'PrometheusRule');
  const alerts = rule!.spec.groups.flatMap((group: any) => group.rules).filter((one: any) => one.alert);
  assert.deepEqual(
    alerts.map((one: any) => one.alert).sort(),
    readAlerts()
      .map(({ alert }) => alert)
      .sort(),
  );
  assert.equal(
    alerts.find((one: any) => one.alert === 'TillstreamDown').annotations.summary,
    readAlerts().find(({ alert }) => alert === 'TillstreamDown')!.annotations.summary,
  );
  const maps = of('whole', 'ConfigMap').flatMap((one) => Object.entries(one.data!));
  assert.equal(maps.length, 3);
  for (const [file, text] of maps)
    assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(`deploy/grafana/dashboards/${file}`, 'utf8')));
});

test('what is missing or out of place is said with what to set', { skip }, () => {
  const refused = (values: string | undefined, ...more: string[]) => {
    const { status, stderr } = runHelm('template', values, ...more);
    assert.notEqual(status, 0, more.join(' '));
    return stderr;
  };
  assert.match(refused(undefined), /set database\.existingSecret/);
  assert.match(refused('small', '--set', 'kafka.brokers='), /set kafka\.brokers/);
  assert.match(refused('small', '--set', 'kafka.sasl.mechanism=PLAIN'), /set kafka\.sasl\.existingSecret/);
  assert.match(refused('small', '--set', 'secrets.existingSecret='), /set secrets\.existingSecret/);
  for (const setting of [
    'settings.ADMIN_TOKEN=x',
    'settings.DATABASE_URL=x',
    'replicas=3',
    'migrations=maybe',
  ])
    assert.match(refused('small', '--set', setting), /values don't meet the specifications of the schema/);
});
