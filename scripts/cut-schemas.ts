// Cuts the schemas of the kinds that deploy/helm uses out of the OpenAPI file of Kubernetes and out of the definitions
// of KEDA, the Prometheus Operator and the Gateway API, into test/deploy/schemas. Run again for another version:
//   node scripts/cut-schemas.ts    (asks for go, which brings the modules)
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

type Schema = { [key: string]: unknown };

const folder = path.resolve(import.meta.dirname, '../test/deploy/schemas');
const kubernetes = 'k8s.io/kubernetes@v1.36.3';
/** Kinds of Kubernetes itself, by the end of their names in its OpenAPI file. */
const kinds: Record<string, string> = {
  'apps/v1 Deployment': 'io.k8s.api.apps.v1.Deployment',
  'autoscaling/v2 HorizontalPodAutoscaler': 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  'batch/v1 Job': 'io.k8s.api.batch.v1.Job',
  'networking.k8s.io/v1 Ingress': 'io.k8s.api.networking.v1.Ingress',
  'networking.k8s.io/v1 NetworkPolicy': 'io.k8s.api.networking.v1.NetworkPolicy',
  'policy/v1 PodDisruptionBudget': 'io.k8s.api.policy.v1.PodDisruptionBudget',
  'v1 ConfigMap': 'io.k8s.api.core.v1.ConfigMap',
  'v1 Service': 'io.k8s.api.core.v1.Service',
  'v1 ServiceAccount': 'io.k8s.api.core.v1.ServiceAccount',
};
/** Kinds that others define, with the file of their module. */
const others = [
  ['github.com/kedacore/keda/v2@v2.21.0', 'config/crd/bases/keda.sh_scaledobjects.yaml'],
  [
    'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
  ],
  [
    'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
  ],
  ['sigs.k8s.io/gateway-api@v1.4.0', 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
] as const;
const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

function moduleFolder(module: string): string {
  const { stdout } = spawnSync('go', ['mod', 'download', '-json', module], { encoding: 'utf8' });
  const { Dir, Error: reason } = JSON.parse(stdout) as { Dir?: string; Error?: string };
  if (Dir === undefined) throw new Error(`${module} cannot be had: ${reason}`);
  return Dir;
}

/** What counts for a validation; an object takes the fields it lists and no others, as `kubectl --validate=strict`. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const given = schema as Schema;
  if (given['x-kubernetes-int-or-string'] === true || given.format === 'int-or-string')
    return { type: ['integer', 'string'] };
  const kept = Object.entries(given).filter(
    ([key, value]) =>
      !/^(description|default|format|x-kubernetes-.*|example)$/.test(key) &&
      // Go has flags in the middle of a pattern that JavaScript has not.
      !(key === 'pattern' && String(value).includes('(?i)')),
  );
  const made: Schema = Object.fromEntries(
    kept.map(([key, value]) => [key, key === 'properties' ? strictFields(value as Schema) : strict(value)]),
  );
  const open = given['x-kubernetes-preserve-unknown-fields'] === true;
  if (made.properties !== undefined && made.additionalProperties === undefined && !open)
    made.additionalProperties = false;
  return made;
}

/** A field may be called like a keyword: `default`, `description`. */
function strictFields(fields: Schema): Schema {
  return Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, strict(schema)]));
}

function cutKubernetes(): { definitions: Schema; kinds: Schema } {
  const file = path.join(moduleFolder(kubernetes), 'api/openapi-spec/swagger.json');
  const { definitions } = JSON.parse(readFileSync(file, 'utf8')) as { definitions: Schema };
  const cut: Schema = {};
  const wanted = [...Object.values(kinds), objectMeta];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (cut[name] !== undefined) continue;
    cut[name] = name.endsWith('.Quantity') ? { type: ['string', 'number'] } : strict(definitions[name]);
    const text = JSON.stringify(cut[name]);
    wanted.push(...[...text.matchAll(/"#\/definitions\/([\w.-]+)"/g)].map((match) => match[1]!));
  }
  const named = Object.entries(kinds).map(([kind, name]) => [kind, { $ref: `#/definitions/${name}` }]);
  return { definitions: cut, kinds: Object.fromEntries(named) };
}

type Defined = {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; storage: boolean; schema: { openAPIV3Schema: Schema } }[];
  };
};

function cutDefined(module: string, file: string): [string, Schema] {
  const { spec } = parse(readFileSync(path.join(moduleFolder(module), file), 'utf8')) as Defined;
  const version = spec.versions.find(({ storage }) => storage)!;
  const schema = strict(version.schema.openAPIV3Schema) as { properties: Schema };
  schema.properties.metadata = { $ref: `#/definitions/${objectMeta}` };
  return [`${spec.group}/${version.name} ${spec.names.kind}`, schema];
}

/** A definition a line, so that a new version shows what it changes. */
function lines(name: string, schemas: Schema): string {
  const sorted = Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  return `"${name}": {\n${sorted.map(([key, value]) => `"${key}": ${JSON.stringify(value)}`).join(',\n')}\n}`;
}

const cut = cutKubernetes();
Object.assign(cut.kinds, Object.fromEntries(others.map(([module, file]) => cutDefined(module, file))));
const from = [kubernetes, ...new Set(others.map(([module]) => module))];
writeFileSync(
  path.join(folder, 'kubernetes.json'),
  `{\n"from": ${JSON.stringify(from)},\n${lines('definitions', cut.definitions)},\n${lines('kinds', cut.kinds)}\n}\n`,
);
