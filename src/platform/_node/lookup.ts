/** All addresses of a host name, in the system's order. Rejects when it has none. */
export async function lookupHost(host: string): Promise<readonly string[]> {
  const { lookup } = process.getBuiltinModule("node:dns/promises");
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}
