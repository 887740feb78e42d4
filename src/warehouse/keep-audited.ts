import { type Client, type Database, inTransaction } from '../base/db.ts';
import type { Audited, Difference } from './audit.ts';

export type AuditedBatch = {
  /** The audit that it is a part of; undefined for its first. */
  auditId: number | undefined;
  startedAt: Date;
  days: readonly (readonly [placeId: string, date: string])[];
  audited: Audited;
};

/** Kept of one audit one by one. */
const keptDifferences = 1_000;
/** Told with the event; the rest is read under GET /api/audits/. */
const toldDifferences = 20;

const insertAudit = `
  insert into ops.audit (started_at, days, sales, waiting_days, complete, differences) values ($1, 0, 0, 0, true, '[]')
  returning audit_id`;

const addBatch = `
  with done as (
    delete from cdm.touched_day as t
    using unnest($2::text[], $3::text[]) as d(place_id, business_date)
    where t.reader = 'audit' and t.place_id = d.place_id and t.business_date = d.business_date::date
    returning 1
  )
  update ops.audit set finished_at = clock_timestamp(), days = days + (select count(*) from done), sales = sales + $4,
    waiting_days = (select count(*) from cdm.touched_day where reader = 'audit') - (select count(*) from done),
    complete = complete and $5,
    differences = differences || $6::jsonb
  where audit_id = $1
  returning jsonb_array_length(differences) as kept`;

// entity_seq is drawn under the lock of the audit's row; of two audits one runs at a time.
const writeEvent = `
  insert into ops.outbox (epoch, topic, event, entity_key, entity_seq, payload)
  values ($1, 'notifications', 'audit.difference', 'audit', nextval('ops.outbox_entity_seq'),
    jsonb_build_object('event', 'audit.difference', 'audit_id', $2::integer, 'differences', $3::integer, 'rows', $4::jsonb,
      'at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))`;

const readKept =
  'select jsonb_array_length(differences) as kept from ops.audit where audit_id = $1 for update';

/** Takes audited days off the list, with what was found and the event that tells it. Answers the audit. */
export async function keepAudited(
  deps: { pool: Database; epoch: number },
  batch: AuditedBatch,
): Promise<number> {
  return await inTransaction(deps.pool, async (client) => {
    const auditId = batch.auditId ?? (await beginAudit(client, batch.startedAt));
    const { days, audited } = batch;
    const differences = audited.differences.map(withoutPerson);
    const { kept } = (await client.query<{ kept: number }>({ text: readKept, values: [auditId] })).rows[0]!;
    const shown = differences.slice(0, keptDifferences - kept);
    await client.query({
      text: addBatch,
      values: [
        auditId,
        days.map(([placeId]) => placeId),
        days.map(([, date]) => date),
        audited.sales,
        audited.complete && shown.length === differences.length,
        JSON.stringify(shown),
      ],
    });
    if (differences.length > 0)
      await client.query({
        text: writeEvent,
        values: [
          deps.epoch,
          auditId,
          differences.length,
          JSON.stringify(differences.slice(0, toldDifferences)),
        ],
      });
    return auditId;
  });
}

async function beginAudit(client: Client, startedAt: Date): Promise<number> {
  const { rows } = await client.query<{ audit_id: number }>({ text: insertAudit, values: [startedAt] });
  return rows[0]!.audit_id;
}

/** What is kept and sent must not outlive an erasure. */
function withoutPerson(one: Difference): Difference {
  return one.figure === 'contribution.customer' ? { ...one, expected: 'a customer', found: 'another' } : one;
}
