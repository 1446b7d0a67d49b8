/** The address without the prefix that IPv4 peers have on a dual-stack socket; empty for unix sockets. */
export function plainAddress(address: string | null | undefined): string {
  if (!address) return "";
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
