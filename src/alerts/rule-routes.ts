import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import { CodedError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { App } from '../http/server.ts';
import type { Reference } from '../reference/reference.ts';
import { changeRule, createRule, deleteRule, findRule, listRules } from './alert-rules.ts';
import { checkRule, type RuleBody } from './check-rule.ts';
import { previewRule } from './preview-rule.ts';
import { Body, Preview, PreviewQuery, Rule, Rules, shownRule } from './rule-schemas.ts';

export type AlertRuleRoutesDeps = {
  pool: Database;
  reference: Reference;
  epoch: number;
  config: Config;
  clock: Clock;
};

const Id = Type.Object({ id: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) });
const idOf = (request: { params: unknown }) => (request.params as { id: number }).id;
const usualLimit = 100;
const weekMs = 7 * 24 * 3_600_000;
/** Every five minutes of it is judged. */
const longestPreviewMs = 62 * 24 * 3_600_000;

/** Of which time a rule is tried out. Error `invalid_parameters`. */
function previewRange({ from, to }: PreviewQuery, nowMs: number): { fromMs: number; toMs: number } {
  const toMs = to === undefined ? nowMs : Date.parse(to);
  const fromMs = from === undefined ? toMs - weekMs : Date.parse(from);
  const refuse = (message: string) => {
    const errors = [{ pointer: '/query/from', code: 'invalid_range', message }];
    throw new CodedError('invalid_parameters', `/query/from ${message}`, { errors });
  };
  if (fromMs >= toMs) refuse('is not before to');
  if (toMs - fromMs > longestPreviewMs) refuse('a preview is of 62 days at most; give a later from');
  return { fromMs, toMs: Math.min(toMs, nowMs) };
}

/** Rules by which somebody is told: list, make, change, delete, and try out. They are of all places. */
export function registerAlertRuleRoutes(app: App, deps: AlertRuleRoutesDeps): void {
  const { pool, epoch, clock } = deps;
  const config = { access: { roles: ['operator'], bound: 'refused' } } as const;
  const tags = ['alerts'];
  const now = () => new Date(clock.nowMs());

  app.get('/api/alert-rules/', {
    config,
    schema: {
      summary: 'The rules by which alerts fire',
      tags,
      querystring: Type.Object({
        cursor: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }),
      response: { 200: Rules },
    },
    handler: async (request) => {
      const { cursor = 0, limit = usualLimit } = request.query as { cursor?: number; limit?: number };
      const rules = await listRules(pool, { after: cursor, limit: limit + 1 });
      const results = rules.slice(0, limit).map(shownRule);
      return { results, next_cursor: rules.length > limit ? String(results.at(-1)!.rule_id) : null };
    },
  });
  app.post('/api/alert-rules/', {
    config,
    schema: { summary: 'Make a rule', tags, body: Body, response: { 201: Rule } },
    handler: async (request, reply) => {
      const rule = checkRule(request.body as RuleBody);
      return reply.code(201).send(shownRule(await createRule(pool, rule)));
    },
  });
  app.post('/api/alert-rules/preview', {
    config,
    schema: {
      summary: 'What a rule would have said of past days: its figures, and the alerts; nothing is written',
      tags,
      querystring: PreviewQuery,
      body: Body,
      response: { 200: Preview },
    },
    handler: async (request) => {
      const rule = checkRule(request.body as RuleBody);
      return await previewRule(deps, rule, previewRange(request.query as PreviewQuery, clock.nowMs()));
    },
  });
  app.get('/api/alert-rules/:id', {
    config,
    schema: { summary: 'One rule', tags, params: Id, response: { 200: Rule } },
    handler: async (request) => shownRule(await findRule(pool, idOf(request))),
  });
  app.put('/api/alert-rules/:id', {
    config,
    schema: {
      summary: 'Change a rule; where it says something else now, what fires by it is resolved',
      tags,
      params: Id,
      body: Body,
      response: { 200: Rule },
    },
    handler: async (request) => {
      const rule = checkRule(request.body as RuleBody);
      return shownRule(await changeRule({ pool, epoch, now: now() }, idOf(request), rule));
    },
  });
  app.delete('/api/alert-rules/:id', {
    config,
    schema: {
      summary: 'Delete a rule; what fires by it is resolved, its past alerts stay',
      tags,
      params: Id,
      response: { 200: Rule },
    },
    handler: async (request) => shownRule(await deleteRule({ pool, epoch, now: now() }, idOf(request))),
  });
}
