import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Database } from '../base/db.ts';
import { sha256 } from '../base/ids.ts';

const keyBytes = 32;
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const form = 1;
/** The form, the id of the key, the nonce, the tag, and what was encrypted. */
const nonceAt = 1 + keyIdBytes;
const tagAt = nonceAt + nonceBytes;
const textAt = tagAt + tagBytes;

/** What was encrypted under another key than those that are there. */
export class ForeignSecret extends Error {
  override readonly name = 'ForeignSecret';
}

type Key = { id: Buffer; key: Buffer };

function keyFrom(material: Buffer): Key {
  const key = Buffer.from(hkdfSync('sha256', material, '', 'tillstream channel secrets', keyBytes));
  return { id: sha256(key).subarray(0, keyIdBytes), key };
}

const selectKey = 'select key from ops.secrets_key';

/**
 * Encrypts with AES-256-GCM under SECRETS_KEY, or under the key that was made for this database once; reads with
 * either, so that a SECRETS_KEY may be set later. A secret is bound to the channel that it is of.
 */
export function createSecrets(deps: { pool: Database; secretsKey: string | undefined }) {
  const configured =
    deps.secretsKey === undefined ? undefined : keyFrom(Buffer.from(deps.secretsKey, 'utf8'));
  let made: Key | undefined;

  async function readMade(): Promise<Key | undefined> {
    const { rows } = await deps.pool.query<{ key: Buffer }>(selectKey);
    made = rows[0] === undefined ? undefined : keyFrom(rows[0].key);
    return made;
  }

  async function sealingKey(): Promise<Key> {
    if (configured !== undefined) return configured;
    if (made !== undefined) return made;
    await deps.pool.query({
      text: 'insert into ops.secrets_key (key) values ($1) on conflict do nothing',
      values: [randomBytes(keyBytes)],
    });
    return (await readMade())!;
  }

  return {
    async seal(text: string, channelId: string): Promise<Buffer> {
      const { id, key } = await sealingKey();
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(channelId));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.from([form]), id, nonce, cipher.getAuthTag(), sealed]);
    },
    /** Error `ForeignSecret`. */
    async open(sealed: Buffer, channelId: string): Promise<string> {
      const id = sealed.subarray(1, 1 + keyIdBytes);
      const known = [configured, made].find((key) => key?.id.equals(id));
      const found = known ?? [await readMade()].find((key) => key?.id.equals(id));
      if (sealed[0] !== form || found === undefined)
        throw new ForeignSecret(
          `the secret of the channel ${channelId} was encrypted under another SECRETS_KEY; set that one, or put the channel again`,
        );
      const nonce = sealed.subarray(nonceAt, tagAt);
      const tag = sealed.subarray(tagAt, textAt);
      const decipher = createDecipheriv('aes-256-gcm', found.key, nonce)
        .setAAD(Buffer.from(channelId))
        .setAuthTag(tag);
      return Buffer.concat([decipher.update(sealed.subarray(textAt)), decipher.final()]).toString();
    },
  };
}

export type Secrets = ReturnType<typeof createSecrets>;
