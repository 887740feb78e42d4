import { hash } from 'node:crypto';

/** NAMESPACE_OID of RFC 9562. */
const namespaceOid = Buffer.from('6ba7b8129dad11d180b400c04fd430c8', 'hex');

/** The 16 bytes of a business key's UUID, version 5 (SHA-1) under NAMESPACE_OID: anyone can compute it again. */
export function uuid5Bytes(businessKey: string): Buffer {
  const bytes = Buffer.allocUnsafe(16 + Buffer.byteLength(businessKey));
  namespaceOid.copy(bytes);
  bytes.write(businessKey, 16);
  const digest = hash('sha1', bytes, 'buffer').subarray(0, 16);
  digest[6] = (digest[6]! & 0x0f) | 0x50;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  return digest;
}

/** Its text, `6ba7b812-9dad-51d1-80b4-00c04fd430c8`. */
export function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function uuid5(businessKey: string): string {
  return uuidText(uuid5Bytes(businessKey));
}
