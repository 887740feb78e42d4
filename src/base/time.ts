/**
 * Local time, zones and business days, by Temporal. Conversions are remembered per zone and hour, because
 * a batch of sales asks for the same few hours again and again.
 */

export type LocalTime = {
  /** As written by the till: `2024-02-07T12:34:56`. */
  local: string;
  /** Present where the document carried an offset or `Z`. */
  offset?: string;
};

export type ResolvedTime = {
  /** The instant of the sale. */
  epochMs: number;
  /** The instant at which its local hour starts. */
  hourMs: number;
  /** The day it counts for, `2024-02-07`. */
  businessDate: string;
  /** The wall clock at the place, `2024-02-07T12:34:56`. */
  local: string;
  flag?: 'dst_gap' | 'dst_ambiguous';
};

const written =
  /^(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):[0-5]\d)(:[0-5]\d(?:\.\d{1,9})?)?(Z|z|[+-]\d\d:?\d\d)?$/;

const dates = new Map<string, boolean>();
const rememberedDates = 10_000;
/** The last one that exists: what arrives in the order of time asks for it again. */
let lastDate = 'none';

function isDate(text: string): boolean {
  const known = dates.get(text);
  if (known !== undefined) return known;
  let exists = true;
  try {
    Temporal.PlainDate.from(text, { overflow: 'reject' });
  } catch {
    exists = false;
  }
  if (dates.size >= rememberedDates) dates.clear();
  dates.set(text, exists);
  return exists;
}

/** Splits an ISO 8601 date-time; null where it is not one, or names a day or an hour that does not exist. */
export function parseTimestamp(text: string): LocalTime | null {
  // What stands where is fixed up to the minutes, so the parts need not be caught: several times cheaper.
  if (!written.test(text)) return null;
  const date = text.startsWith(lastDate) ? lastDate : text.slice(0, 10);
  if (date !== lastDate && !isDate(date)) return null;
  lastDate = date;
  let end = text.length;
  if (text[end - 1] === 'Z' || text[end - 1] === 'z') end--;
  else {
    const sign = Math.max(text.lastIndexOf('+'), text.lastIndexOf('-'));
    if (sign > 10) end = sign;
  }
  const hasSeconds = end > 16;
  const time = text.slice(11, end);
  const local =
    text[10] === 'T' && hasSeconds ? text.slice(0, end) : `${date}T${time}${hasSeconds ? '' : ':00'}`;
  if (end === text.length) return { local };
  const zone = text.slice(end);
  const offset =
    zone === 'z' || zone === 'Z' ? 'Z' : zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone;
  if (offset !== 'Z' && (offset.slice(1, 3) > '23' || offset.slice(4) > '59')) return null;
  return { local, offset };
}

const zones = new Map<string, boolean>();

export function isTimeZone(name: string): boolean {
  const known = zones.get(name);
  if (known !== undefined) return known;
  let valid = /^[A-Za-z]/.test(name);
  try {
    Temporal.Now.zonedDateTimeISO(name);
  } catch {
    valid = false;
  }
  if (zones.size < 10_000) zones.set(name, valid);
  return valid;
}

type Hour = { startMs: number; flag?: 'dst_gap' | 'dst_ambiguous' };
const localHours = new Map<string, Hour | null>();
let lastHour: { zone: string; hour: string; found: Hour | null } = { zone: '', hour: '', found: null };
const instantOffsets = new Map<string, number | null>();
const rememberedHours = 100_000;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const quarterMs = 900_000;

const zero = 0x30;
const midnight = '00:00';

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - zero) * 10 + text.charCodeAt(at + 1) - zero;
}

function minutesAndBelow(local: string): number {
  const seconds =
    local.length === 19 ? twoDigits(local, 17) * 1000 : Math.floor(Number(local.slice(17)) * 1000);
  return twoDigits(local, 14) * 60_000 + seconds;
}

/**
 * The hour `2024-02-07T12` in a zone, or null where the zone's offset changes inside it or beside it, so
 * that each time has to be asked for by itself.
 */
function plainHour(zone: string, local: string): Hour | null {
  if (zone === lastHour.zone && local.startsWith(lastHour.hour)) return lastHour.found;
  const hour = local.slice(0, 13);
  const found = findHour(zone, hour);
  lastHour = { zone, hour, found };
  return found;
}

function findHour(zone: string, hour: string): Hour | null {
  const key = `${zone} ${hour}`;
  const known = localHours.get(key);
  if (known !== undefined) return known;
  const start = Temporal.PlainDateTime.from(`${hour}:00:00`);
  const earlier = start.toZonedDateTime(zone, { disambiguation: 'earlier' });
  const later = start.toZonedDateTime(zone, { disambiguation: 'later' });
  const next = start.add({ minutes: 59, seconds: 59 }).toZonedDateTime(zone);
  const even =
    earlier.epochMilliseconds === later.epochMilliseconds &&
    next.epochMilliseconds - earlier.epochMilliseconds === hourMs - 1000 &&
    earlier.offsetNanoseconds === next.offsetNanoseconds &&
    later.add({ hours: 1 }).offsetNanoseconds === earlier.offsetNanoseconds &&
    earlier.subtract({ hours: 1 }).offsetNanoseconds === earlier.offsetNanoseconds;
  const found = even ? { startMs: earlier.epochMilliseconds } : null;
  if (localHours.size >= rememberedHours) localHours.clear();
  localHours.set(key, found);
  return found;
}

/** The offset of a zone at an instant in milliseconds, remembered by quarter of an hour. */
export function offsetMsAt(zone: string, epochMs: number): number {
  const quarter = Math.floor(epochMs / quarterMs);
  const key = `${zone} ${quarter}`;
  const known = instantOffsets.get(key);
  if (known !== undefined && known !== null) return known;
  const at = Temporal.Instant.fromEpochMilliseconds(quarter * quarterMs).toZonedDateTimeISO(zone);
  const offset = at.offsetNanoseconds / 1e6;
  if (instantOffsets.size >= rememberedHours) instantOffsets.clear();
  instantOffsets.set(key, offset);
  return offset;
}

function isoLocal(epochMs: number, offsetMs: number): string {
  return new Date(epochMs + offsetMs)
    .toISOString()
    .slice(0, 23)
    .replace(/\.000$/, '');
}

/** The wall clock of an instant in a zone, `2024-02-07T12:34:56`. */
export function localTimeAt(epochMs: number, zone: string): string {
  return isoLocal(epochMs, offsetMsAt(zone, epochMs));
}

/** RFC 3339 with the zone's offset, `2015-01-01T11:00:00+03:00`. */
export function formatInstant(epochMs: number, zone: string): string {
  const offsetMs = offsetMsAt(zone, epochMs);
  if (offsetMs === 0) return `${isoLocal(epochMs, 0)}+00:00`;
  const minutes = Math.abs(Math.round(offsetMs / 60_000));
  const two = (value: number) => String(value).padStart(2, '0');
  return `${isoLocal(epochMs, offsetMs)}${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** The instant of a date-time that carries its own offset. */
export function zonedInstantMs({ local, offset = 'Z' }: LocalTime): number {
  // `Date.parse` costs several times as much.
  if (offset !== 'Z' || local.length !== 19) return Date.parse(`${local.slice(0, 23)}${offset}`);
  const date = local.startsWith(lastDate) ? lastDate : local.slice(0, 10);
  return epochDay(date) * dayMs + twoDigits(local, 11) * hourMs + minutesAndBelow(local);
}

const epochDays = new Map<string, number>();

/** Days since the epoch of `2024-02-07`, and back. Remembered: a batch asks for the same few dates thousands of times. */
export function epochDay(date: string): number {
  let day = epochDays.get(date);
  if (day === undefined) {
    day = Date.parse(`${date}T00:00:00Z`) / dayMs;
    if (epochDays.size >= rememberedDates) epochDays.clear();
    epochDays.set(date, day);
  }
  return day;
}
export function dateOfEpochDay(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}
export function addDays(date: string, days: number): string {
  return dateOfEpochDay(epochDay(date) + days);
}

/**
 * Where a sale belongs: a time without offset is read in `zone` by Temporal's `compatible` rule and flagged
 * where a clock change made it doubtful; before `businessDayStart` (`HH:MM`) it counts for the day before.
 */
export function resolveTime(time: LocalTime, zone: string, businessDayStart: string): ResolvedTime {
  let epochMs: number;
  let startMs: number;
  let local = time.local;
  let flag: ResolvedTime['flag'];
  const hour = time.offset === undefined ? plainHour(zone, local) : null;
  if (time.offset === undefined && hour !== null) {
    epochMs = hour.startMs + minutesAndBelow(local);
    startMs = hour.startMs;
  } else {
    if (time.offset === undefined) {
      const plain = Temporal.PlainDateTime.from(local);
      const earlier = plain.toZonedDateTime(zone, { disambiguation: 'earlier' });
      const later = plain.toZonedDateTime(zone, { disambiguation: 'later' });
      const meant = plain.toZonedDateTime(zone, { disambiguation: 'compatible' });
      epochMs = meant.epochMilliseconds;
      if (earlier.epochMilliseconds !== later.epochMilliseconds) {
        flag = earlier.toPlainDateTime().equals(plain) ? 'dst_ambiguous' : 'dst_gap';
      }
    } else {
      epochMs = zonedInstantMs(time);
    }
    const offsetMs = offsetMsAt(zone, epochMs);
    local = isoLocal(epochMs, offsetMs);
    startMs = Math.floor((epochMs + offsetMs) / hourMs) * hourMs - offsetMs;
  }
  const date = local.startsWith(lastDate) ? lastDate : local.slice(0, 10);
  const isEarly = businessDayStart !== midnight && local.slice(11, 16) < businessDayStart;
  const resolved: ResolvedTime = {
    epochMs,
    hourMs: startMs,
    businessDate: isEarly ? addDays(date, -1) : date,
    local,
  };
  if (flag !== undefined) resolved.flag = flag;
  return resolved;
}
