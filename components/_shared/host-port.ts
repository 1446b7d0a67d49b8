/** A host and a port as an address; IPv6 is bracketed. */
export function joinHostPort(host: string, port: number | string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Takes `host:port`, `[IPv6]:port` or a host alone apart; the port is empty when there is none, undefined means no address. */
export function splitHostPort(address: string): { readonly host: string; readonly port: string } | undefined {
  const found = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/.exec(address);
  if (found === null) return undefined;
  const [, bracketed, plain, port = ""] = found;
  if (port !== "" && !(Number(port) > 0 && Number(port) < 65_536)) return undefined;
  return { host: bracketed ?? plain ?? "", port };
}
