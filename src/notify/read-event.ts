/** What is told to channels: the event as its writer left it, with what the notifier itself needs of it. */
export type NotificationEvent = Record<string, unknown> & {
  event_id: string;
  type: string;
  created_at: string;
};

export type Notification = {
  event: NotificationEvent;
  channels: string[];
  /** What keeps its order: an alert, or the event alone. */
  entityKey: string;
  /** The event as JSON. */
  payload: string;
};

const uuidPattern = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const mostChannels = 100;
const mostCharacters = 200;
const mostPayloadCharacters = 256 * 1024;

/**
 * A notification as it came by the outbox or the topic. `ignored` where it names no channels, which is said by
 * whoever wrote it; an error text where it cannot be read.
 */
export function readNotification(value: unknown): Notification | 'ignored' | { wrong: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { wrong: 'it is no object' };
  const { channels, ...event } = value as Record<string, unknown>;
  if (channels === undefined) return 'ignored';
  if (!Array.isArray(channels) || channels.some((one) => typeof one !== 'string' || !isStorable(one)))
    return { wrong: 'channels is no list of names' };
  const { event_id: eventId, type, created_at: createdAt, id } = event;
  if (typeof eventId !== 'string' || !uuidPattern.test(eventId)) return { wrong: 'event_id is no UUID' };
  if (typeof type !== 'string' || type === '' || !isStorable(type)) return { wrong: 'type is missing' };
  if (typeof createdAt !== 'string' || Number.isNaN(Date.parse(createdAt)))
    return { wrong: 'created_at is no time' };
  const isAlert = type.startsWith('alert.') && (typeof id === 'string' || typeof id === 'number');
  const told = { ...event, event_id: eventId, type, created_at: createdAt };
  const payload = stringify(told);
  if (payload === undefined || payload.length > mostPayloadCharacters)
    return { wrong: `it is nested too deeply, or longer than ${mostPayloadCharacters} characters` };
  return {
    event: told,
    payload,
    channels: [...new Set<string>(channels)].slice(0, mostChannels),
    entityKey: isAlert ? `alert:${String(id).slice(0, mostCharacters)}` : eventId,
  };
}

const isStorable = (text: string) =>
  text.length <= mostCharacters && text.isWellFormed() && !text.includes('\0');

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
