import { createHash } from 'node:crypto';

/** NAMESPACE_OID of RFC 9562. */
const namespaceOid = Buffer.from('6ba7b8129dad11d180b400c04fd430c8', 'hex');

/** The UUID of a business key, version 5 (SHA-1) under NAMESPACE_OID: anyone can compute it again. */
export function uuid5(businessKey: string): string {
  const hash = createHash('sha1').update(namespaceOid).update(businessKey, 'utf8').digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
