import { type LocalTime, zonedInstantMs } from '../base/time.ts';
import { type OrderStatus, orderStatuses } from './order.ts';

const firstRevision = '0000000000';

/** Revisions are compared as text, so they are written with leading zeros. */
export function encodeRevision(revision: number): string {
  return revision === 0 ? firstRevision : String(revision).padStart(firstRevision.length, '0');
}

export type OrderVersion = {
  updated: LocalTime;
  /** Undefined where the message does not say: before every one that does. */
  sent: LocalTime | undefined;
  statusCount: number;
  status: OrderStatus;
};

const statusDigits = 6;

/**
 * The version of an order as text that sorts: `2023-04-01T20:45:43.000000 2023-04-08T20:27:36.000000 000004 3`.
 * Times without an offset are read as UTC whatever the zone of the place, so that no change of a setting can
 * reorder versions. The last parts decide between two messages of one second: the later state wins.
 */
export function encodeOrderVersion({ updated, sent, statusCount, status }: OrderVersion): string {
  const count = String(statusCount).padStart(statusDigits, '0');
  const sentText = sent === undefined ? '0000-00-00T00:00:00.000000' : sortableTime(sent);
  return `${sortableTime(updated)} ${sentText} ${count} ${orderStatuses.indexOf(status)}`;
}

/** In UTC, with microseconds. */
function sortableTime(time: LocalTime): string {
  if (time.local.length === 19 && time.offset === undefined) return `${time.local}.000000`;
  const fraction = time.local.slice(20, 26).padEnd(6, '0');
  if (time.offset === undefined || time.offset === 'Z') return `${time.local.slice(0, 19)}.${fraction}`;
  return `${new Date(zonedInstantMs(time)).toISOString().slice(0, 19)}.${fraction}`;
}
