import { BlockList, isIP, isIPv4 } from 'node:net';

/** Subnets of the IANA special-purpose registries: nobody's server on the internet has an address in them. */
const special4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local, and where clouds keep their metadata.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, reserved and broadcast.
  ['224.0.0.0', 3],
] as const;

/** Within 2000::/3, outside of which no address is public: what stands for an IPv4 address, and examples. */
const special6 = [
  // Teredo among them.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4.
  ['2002::', 16],
  ['3fff::', 20],
] as const;

// One list each: a rule for IPv4 would hold for addresses that are mapped into IPv6, and the other way round.
const blocked4 = new BlockList();
for (const [net, bits] of special4) blocked4.addSubnet(net, bits, 'ipv4');
const global6 = new BlockList();
global6.addSubnet('2000::', 3, 'ipv6');
const blocked6 = new BlockList();
for (const [net, bits] of special6) blocked6.addSubnet(net, bits, 'ipv6');

/**
 * Whether an address is one of the internet at large: not private, loopback, link-local, multicast, shared by a
 * carrier, unspecified, nor an IPv6 spelling of an IPv4 address (mapped, NAT64, 6to4), which may lead to any of
 * those. Anything that is no address is not public.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  if (isIPv4(address)) return !blocked4.check(address, 'ipv4');
  const bare = address.split('%', 1)[0]!;
  return global6.check(bare, 'ipv6') && !blocked6.check(bare, 'ipv6');
}
