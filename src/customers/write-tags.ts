import { binaryColumn, type Client } from '../base/db.ts';
import type { Decision } from './decide-tags.ts';

/** The sale whose arrival changed the value; none where a rule was applied to all, or a day aged out. */
export type Evidence = { source: string; sourceId: string; position: number };

export type ChangedTag = Decision & { evidence?: Evidence };

const writeTags = `
  with input as materialized (
    select * from unnest($1::int4[], $2::int4[], $3::bool[], $4::int8[], $5::text[], $6::text[], $7::int8[])
      as i(rule_id, user_no, assigned, value, source, source_id, position)
  )
  insert into ops.customer_tag as t (rule_id, user_no, assigned, value, source, source_id, position)
  select rule_id, user_no, assigned, value, source, source_id, position from input
  order by rule_id, user_no
  on conflict (rule_id, user_no) do update set assigned = excluded.assigned, value = excluded.value,
    source = excluded.source, source_id = excluded.source_id, position = excluded.position, decided_at = now()`;

// entity_seq is drawn under the lock of the customers, which every writer of tags holds: of one entity it
// rises in the order of the changes.
const writeEvents = `
  insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
  select $8, 'tags', case when i.assigned then 'tag.assigned' else 'tag.revoked' end, c.user_id || '/' || r.tag,
    nextval('ops.outbox_entity_seq'),
    jsonb_strip_nulls(jsonb_build_object('customer_id', c.customer_id, 'user_id', c.user_id, 'tag', r.tag,
      'rule_id', r.rule_id, 'scope', r.scope, 'match', r.match, 'metric', r.metric,
      'value', case r.metric when 'units' then i.value / 1000.0 when 'orders' then i.value else i.value / 10.0 ^ i.digits end,
      'currency', r.currency, 'window_days', r.window_days,
      'sale', case when i.source_id is null then null else jsonb_build_object('source', i.source, 'id', i.source_id) end,
      'at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
  from unnest($1::int4[], $2::int4[], $3::bool[], $4::int8[], $5::text[], $6::text[], $7::int4[])
    as i(rule_id, user_no, assigned, value, source, source_id, digits)
  join ops.tag_rule as r on r.rule_id = i.rule_id
  join cdm.customer as c on c.user_no = i.user_no and not c.erased
  order by i.rule_id, i.user_no`;

/**
 * Gives and takes back tags, with their events in the outbox; the caller holds the lock of the customers.
 * `digitsOf`: how many decimals a rule's currency has. `silent` writes no events.
 */
export async function writeTagChanges(
  client: Client,
  changes: readonly ChangedTag[],
  options: { epoch: number; digitsOf: (ruleId: number) => number; silent?: boolean },
): Promise<void> {
  if (changes.length === 0) return;
  const shared = [
    binaryColumn('int4', changes, (change) => change.ruleId),
    binaryColumn('int4', changes, (change) => change.userNo),
    binaryColumn('bool', changes, (change) => change.assigned),
    binaryColumn('int8', changes, (change) => change.value),
    binaryColumn('text', changes, (change) => change.evidence?.source),
    binaryColumn('text', changes, (change) => change.evidence?.sourceId),
  ];
  await client.query({
    name: 'write-tags',
    text: writeTags,
    values: [...shared, binaryColumn('int8', changes, (change) => change.evidence?.position)],
  });
  if (options.silent === true) return;
  await client.query({
    name: 'write-tag-events',
    text: writeEvents,
    values: [
      ...shared,
      binaryColumn('int4', changes, (change) => options.digitsOf(change.ruleId)),
      options.epoch,
    ],
  });
}
