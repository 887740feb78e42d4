import { createHmac, randomBytes } from 'node:crypto';

const prefix = 'whsec_';
const madeBytes = 32;
const leastBytes = 24;
const mostBytes = 64;
const leastCharacters = 16;
const mostCharacters = 256;

export const makeSecret = () => `${prefix}${randomBytes(madeBytes).toString('base64')}`;

/**
 * The key that a secret stands for: `whsec_` and 24 to 64 bytes as base64, as Standard Webhooks says; the prefix
 * may be left out, as its libraries allow. Any other text of at least 16 characters is the key itself. Undefined
 * where it is neither.
 */
export function keyOfSecret(secret: string): Buffer | undefined {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : secret;
  const key = Buffer.from(text, 'base64');
  const isBase64 = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  if (isBase64 && key.length >= leastBytes && key.length <= mostBytes) return key;
  if (secret.startsWith(prefix)) return undefined;
  const isLong = secret.length >= leastCharacters && secret.length <= mostCharacters;
  return isLong && secret.isWellFormed() ? Buffer.from(secret) : undefined;
}

/** The headers of Standard Webhooks; the time of sending is signed too, so that nobody can send it again later. */
export function signWebhook(
  message: { id: string; body: string; atMs: number },
  key: Buffer,
): Record<string, string> {
  const timestamp = String(Math.floor(message.atMs / 1000));
  const signature = createHmac('sha256', key)
    .update(`${message.id}.${timestamp}.${message.body}`)
    .digest('base64');
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}
