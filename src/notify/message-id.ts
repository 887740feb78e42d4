import { uuid5 } from '../base/uuid5.ts';

/**
 * The name of one event for one channel, the same however often and by whomever it is sent: receivers know by it
 * what they have.
 */
export const messageIdOf = (eventId: string, channelId: string) => `msg_${uuid5(`${eventId}/${channelId}`)}`;
