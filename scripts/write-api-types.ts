/** A JSON schema, as much of it as the routes use. */
type Schema = {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  allOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
  description?: string;
};
type Media = { schema?: Schema };
type Operation = {
  operationId?: string;
  requestBody?: { content?: Record<string, Media> };
  responses?: Record<string, { content?: Record<string, Media> }>;
};
export type OpenApi = { paths: Record<string, Record<string, Operation>> };

const head = `/**
 * The bodies of the REST API, made from its description by scripts/write-api-types.ts:
 * UPDATE=1 node --test test/http/docs.test.ts
 */
`;

/**
 * A type for the JSON answer (or the events) of every operation, and for its JSON request: \`GetAnalyticsSalesAnswer\`,
 * \`PostTokensBody\`. Names come from the ids of the operations.
 */
export function writeApiTypes(api: OpenApi): string {
  const types: string[] = [];
  const operations = Object.values(api.paths).flatMap((methods) => Object.values(methods));
  const named = operations.filter(({ operationId }) => operationId !== undefined);
  for (const operation of named.sort((a, b) => (a.operationId! < b.operationId! ? -1 : 1))) {
    const name = operation.operationId![0]!.toUpperCase() + operation.operationId!.slice(1);
    const body = jsonSchema(operation.requestBody?.content);
    if (body !== undefined) types.push(`export type ${name}Body = ${typeOf(body, '')};\n`);
    const good = Object.entries(operation.responses ?? {})
      .filter(([status]) => status.startsWith('2'))
      .flatMap(([, response]) => jsonSchema(response.content) ?? []);
    const answers = [...new Set(good.map((schema) => typeOf(schema, '')))];
    if (answers.length > 0) types.push(`export type ${name}Answer = ${answers.join(' | ')};\n`);
  }
  return `${head}\n${types.join('\n')}`;
}

function jsonSchema(content: Record<string, Media> | undefined): Schema | undefined {
  return (content?.['application/json'] ?? content?.['text/event-stream'])?.schema;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return union(alternatives.map((one) => typeOf(one, indent)));
  if (schema.allOf !== undefined) return schema.allOf.map((one) => typeOf(one, indent)).join(' & ');
  if (Array.isArray(schema.type))
    return union(schema.type.map((type) => typeOf({ ...schema, type }, indent)));
  if (schema.type === 'array') return `${inBrackets(typeOf(schema.items ?? {}, indent))}[]`;
  if (schema.type === 'object' || schema.properties !== undefined) return objectOf(schema, indent);
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  return ['string', 'boolean', 'null'].find((type) => type === schema.type) ?? 'unknown';
}

function objectOf(schema: Schema, indent: string): string {
  const deeper = `${indent}  `;
  const open = Object.values(schema.patternProperties ?? {})[0] ?? schema.additionalProperties;
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0)
    return `Record<string, ${typeof open === 'object' ? typeOf(open, indent) : 'unknown'}>`;
  const members = properties.map(([name, member]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
    const optional = schema.required?.includes(name) === true ? '' : '?';
    const comment =
      member.description === undefined
        ? ''
        : `${deeper}/** ${member.description.replaceAll('*/', '* /')} */\n`;
    return `${comment}${deeper}${key}${optional}: ${typeOf(member, deeper)};\n`;
  });
  return `{\n${members.join('')}${indent}}`;
}

const union = (types: string[]) => [...new Set(types)].join(' | ') || 'never';
const inBrackets = (type: string) => (/^[\w.]+$/.test(type) ? type : `(${type})`);
