import { Type } from 'typebox';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../base/db.ts';
import type { Config } from '../config.ts';
import type { App } from '../http/server.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { todayOf } from './follow-customers.ts';
import { previewRule } from './preview-rule.ts';
import type { TagRule } from './tag-rule.ts';
import {
  changeRule,
  checkRule,
  createRule,
  deleteRule,
  findRule,
  listRules,
  type RuleBody,
  type SavedRule,
  shownFigure,
} from './tag-rules.ts';

const Nullable = Type.Union([Type.String(), Type.Null()]);
const members = {
  tag: Type.String({ minLength: 1, maxLength: 100, description: 'what the customer is given' }),
  scope: Type.Unsafe<RuleBody['scope']>({ type: 'string', enum: ['category', 'product', 'total'] }),
  match: Type.Optional(
    Type.String({ maxLength: 256, description: "the category's name or the product's id; none for total" }),
  ),
  metric: Type.Unsafe<RuleBody['metric']>({ type: 'string', enum: ['orders', 'units', 'spent'] }),
  threshold: Type.Number({ minimum: 0, description: 'tagged while the value is over it' }),
  window_days: Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: 3660 }), Type.Null()], {
      description: 'only the last so many business dates count',
    }),
  ),
  sticky: Type.Optional(Type.Boolean({ description: 'once given, the tag stays' })),
  currency: Type.Optional(
    Type.Union([Type.String({ maxLength: 3 }), Type.Null()], { description: 'of the metric spent' }),
  ),
};
const sent = { tag: 'pizza lover', scope: 'category', match: 'pizza', metric: 'orders', threshold: 10 };
const Body = Type.Object(members, { additionalProperties: false, examples: [sent] });
const shown = {
  rule_id: 1,
  ...sent,
  window_days: null,
  sticky: false,
  currency: null,
  is_applied: true,
  created_at: '2026-01-31T09:00:00.000Z',
  updated_at: '2026-01-31T09:00:00.000Z',
};
const ruleMembers = {
  rule_id: Type.Integer(),
  tag: Type.String(),
  scope: Type.String(),
  match: Type.String(),
  metric: Type.String(),
  threshold: Type.Number(),
  window_days: Type.Union([Type.Integer(), Type.Null()]),
  sticky: Type.Boolean(),
  currency: Nullable,
  is_applied: Type.Boolean({ description: 'every customer there was has been asked' }),
  created_at: Type.String(),
  updated_at: Type.String(),
};
const Rule = Type.Object(ruleMembers, { examples: [shown] });
const Saved = Type.Object({ ...ruleMembers, job_id: Nullable }, { examples: [{ ...shown, job_id: null }] });
const Id = Type.Object({ id: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) });
const Preview = Type.Object(
  {
    customers: Type.Integer(),
    examples: Type.Array(
      Type.Object({ customer_id: Type.String(), customer_name: Nullable, value: Type.Number() }),
    ),
  },
  {
    examples: [{ customers: 1, examples: [{ customer_id: 'g-1', customer_name: 'Anna', value: 12 }] }],
  },
);

function answerOf(rule: TagRule) {
  return {
    rule_id: rule.rule_id,
    tag: rule.tag,
    scope: rule.scope,
    match: rule.match,
    metric: rule.metric,
    threshold: shownFigure(rule, rule.threshold),
    window_days: rule.window_days,
    sticky: rule.sticky,
    currency: rule.currency,
    is_applied: rule.applied_version === rule.version,
    created_at: rule.created_at.toISOString(),
    updated_at: rule.updated_at.toISOString(),
  };
}

const savedOf = ({ rule, jobId }: SavedRule) => ({ ...answerOf(rule), job_id: jobId });

export type TagRuleRoutesDeps = { pool: Database; jobs: Jobs; config: Config; clock: Clock };

/** Rules by which customers are tagged: list, make, change, delete, and try out. */
export function registerTagRuleRoutes(app: App, deps: TagRuleRoutesDeps): void {
  const { pool } = deps;
  const { defaultCurrency, defaultTimeZone } = deps.config;
  const config = { access: { roles: ['marketer'], bound: 'refused' } } as const;
  const tags = ['customers'];

  app.get('/api/tag-rules/', {
    config,
    schema: {
      summary: 'The rules by which customers are tagged',
      tags,
      querystring: Type.Object({
        cursor: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }),
      response: {
        200: Type.Object(
          { results: Type.Array(Rule), next_cursor: Nullable },
          { examples: [{ results: [shown], next_cursor: null }] },
        ),
      },
    },
    handler: async (request) => {
      const { cursor = 0, limit = 100 } = request.query as { cursor?: number; limit?: number };
      const rules = await listRules(pool, { after: cursor, limit: limit + 1 });
      const results = rules.slice(0, limit).map(answerOf);
      return { results, next_cursor: rules.length > limit ? String(results.at(-1)!.rule_id) : null };
    },
  });
  app.post('/api/tag-rules/', {
    config,
    schema: {
      summary: 'Make a rule; a job applies it to the customers there are',
      tags,
      body: Body,
      response: { 201: Saved },
    },
    handler: async (request, reply) => {
      const rule = checkRule(request.body as RuleBody, defaultCurrency);
      return reply.code(201).send(savedOf(await createRule(deps, rule)));
    },
  });
  app.post('/api/tag-rules/preview', {
    config,
    schema: {
      summary: 'Whom a rule would tag now: how many, and ten of them; nothing is written',
      tags,
      body: Body,
      response: { 200: Preview },
    },
    handler: async (request) => {
      const today = todayOf({ clock: deps.clock, defaultTimeZone });
      return await previewRule(pool, checkRule(request.body as RuleBody, defaultCurrency), today);
    },
  });
  app.get('/api/tag-rules/:id', {
    config,
    schema: { summary: 'One rule', tags, params: Id, response: { 200: Rule } },
    handler: async (request) => answerOf(await findRule(pool, (request.params as { id: number }).id)),
  });
  app.put('/api/tag-rules/:id', {
    config,
    schema: {
      summary: 'Change a rule; tags are given and taken back by what it says now',
      tags,
      params: Id,
      body: Body,
      response: { 200: Saved },
    },
    handler: async (request) => {
      const rule = checkRule(request.body as RuleBody, defaultCurrency);
      return savedOf(await changeRule(deps, (request.params as { id: number }).id, rule));
    },
  });
  app.delete('/api/tag-rules/:id', {
    config,
    schema: {
      summary: 'Delete a rule; its tags are taken back',
      tags,
      params: Id,
      response: { 200: Saved },
    },
    handler: async (request) => savedOf(await deleteRule(deps, (request.params as { id: number }).id)),
  });
}
