import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './public-address.ts';

export type Address = { address: string; family: number };
/** Every address of a name. */
export type Resolve = (hostname: string) => Promise<Address[]>;

export const resolveWithSystem: Resolve = (hostname) => systemLookup(hostname, { all: true });

/** The address of a channel leads where nothing is sent. */
export class RefusedTarget extends Error {
  override readonly name = 'RefusedTarget';
}

const advice = 'is not a public address; set ALLOW_PRIVATE_TARGETS=true if messages may go there';

/** The host of an address as it is resolved: without the brackets of IPv6. */
export const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '');

/** What is wrong with the text itself, without asking anybody; undefined where nothing is. */
export function whatIsWrongWithUrl(text: string, allowPrivate: boolean): string | undefined {
  if (!URL.canParse(text)) return 'is no address such as https://example.com/hook';
  const url = new URL(text);
  if (!['http:', 'https:'].includes(url.protocol)) return 'begins with neither https:// nor http://';
  if (url.username !== '' || url.password !== '')
    return 'holds a user or a password; let the receiver check the signature instead';
  const host = hostOf(url);
  if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) return advice;
  return undefined;
}

/**
 * The addresses of a name that may be connected to. Error `RefusedTarget` where there is none among them; the
 * error of the resolver where the name is not known.
 */
async function allowedAddresses(
  hostname: string,
  resolve: Resolve,
  allowPrivate: boolean,
): Promise<Address[]> {
  const found = await resolve(hostname);
  const allowed = allowPrivate ? found : found.filter(({ address }) => isPublicAddress(address));
  if (allowed.length === 0) throw new RefusedTarget(`${hostname} ${advice}`);
  return allowed;
}

/** Whether a name leads to refused addresses alone; one that nobody knows is looked up again at each connect. */
export async function whatIsWrongWithHost(
  hostname: string,
  resolve: Resolve,
  allowPrivate: boolean,
): Promise<string | undefined> {
  try {
    if (isIP(hostname) === 0) await allowedAddresses(hostname, resolve, allowPrivate);
    return undefined;
  } catch (error) {
    return error instanceof RefusedTarget ? advice : undefined;
  }
}

/**
 * For `http.request`: asked once for each connection, and what it answers is what is connected to, so a name
 * whose address changes between the check and the connection gains nothing. Not asked where the host is an
 * address itself.
 */
export function checkedLookup(resolve: Resolve, allowPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    allowedAddresses(hostname, resolve, allowPrivate).then(
      (allowed) => {
        if (options.all === true) return callback(null, allowed);
        const [first] = allowed;
        callback(null, first!.address, first!.family);
      },
      (error) => callback(error as NodeJS.ErrnoException, '', 0),
    );
  };
}
