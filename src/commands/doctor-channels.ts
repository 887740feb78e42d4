import type { Queryable } from '../base/db.ts';
import type { NotifyConfig } from '../notify-config.ts';
import type { Finding } from './doctor-kafka.ts';

const readChannels = `
  select c.channel_id, c.kind, c.enabled, c.disabled_reason, c.failing_since, c.last_error,
    (select count(*) from ops.delivery as d where d.channel_id = c.channel_id and d.state = 'waiting')::integer as waiting
  from ops.channel as c order by c.channel_id`;

type Row = {
  channel_id: string;
  kind: string;
  enabled: boolean;
  disabled_reason: string | null;
  failing_since: Date | null;
  last_error: string | null;
  waiting: number;
};

/** Channels through which nothing comes, each with why and what to do. */
export async function diagnoseChannels(pool: Queryable, config: NotifyConfig): Promise<Finding[]> {
  const { rows } = await pool.query<Row>(readChannels);
  const waiting = rows.reduce((sum, row) => sum + row.waiting, 0);
  const whole = `channels: ${rows.length}, deliveries that wait: ${waiting}`;
  const findings: Finding[] = rows.flatMap((row) => {
    const name = `channel ${row.channel_id} (${row.kind})`;
    if (row.disabled_reason !== null)
      return [
        {
          level: 'warn',
          text: `${name} was switched off: ${row.disabled_reason}; put it again when it works`,
        },
      ];
    if (row.failing_since !== null && row.enabled)
      return [
        {
          level: 'warn',
          text: `${name} has failed since ${row.failing_since.toISOString()}, ${row.waiting} deliveries wait: ${row.last_error}. GET /api/deliveries/?channel_id=${row.channel_id} names them`,
        },
      ];
    if (row.kind === 'email' && config.smtp === undefined)
      return [{ level: 'warn', text: `${name} needs SMTP_URL, which is not set here` }];
    return [];
  });
  return [{ level: 'ok', text: whole }, ...findings];
}
