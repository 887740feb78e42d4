import type { Problem } from '../base/errors.ts';
import { documentWords } from '../sales/document-words.ts';
import type { Source } from '../sales/sale.ts';

/** What the registry knows of a sale. */
export type Registered = { version: string; contentHash: Buffer; placeId: string };

export type Decision =
  | { verdict: 'accepted' | 'corrected' | 'duplicate' | 'stale' }
  | { verdict: 'conflict' | 'rejected'; problem: Problem };

/**
 * The table of DESIGN "Exactly once" as a pure function. `sameValues` is asked only where the bytes of two
 * documents of one version differ: key order and the spelling of numbers do not make another content.
 */
export function decideVerdict(
  current: Registered | undefined,
  incoming: Registered & { boundPlaceId: string | undefined; source: Source },
  sameValues: () => boolean,
): Decision {
  if (current === undefined) return { verdict: 'accepted' };
  const words = documentWords[incoming.source];
  if (incoming.boundPlaceId !== undefined && current.placeId !== incoming.boundPlaceId) {
    const message = 'this sale is registered at a place that the token is not bound to';
    return { verdict: 'rejected', problem: { pointer: words.placePointer, code: 'foreign_place', message } };
  }
  if (incoming.version > current.version) return { verdict: 'corrected' };
  if (incoming.version < current.version) return { verdict: 'stale' };
  if (incoming.placeId !== current.placeId) {
    const message =
      `another place, ${current.placeId}, already used this id; where tills number their own receipts, ` +
      'set IDENTITY=place before the first sale';
    return {
      verdict: 'conflict',
      problem: { pointer: words.idPointer, code: 'id_of_another_place', message },
    };
  }
  if (incoming.contentHash.equals(current.contentHash) || sameValues()) return { verdict: 'duplicate' };
  const version = incoming.source === 'order' ? '' : ` ${incoming.version.replace(/^0+(?=.)/, '')}`;
  const message = `another document of the same ${words.version}${version} was first; ${words.howToCorrect}`;
  return { verdict: 'conflict', problem: { pointer: '', code: 'conflict', message } };
}
