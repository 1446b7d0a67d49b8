import type { Options } from "../config/options.ts";
import { defaultMessageBytes } from "../kit/websocket/upgrade-response.ts";
import type { FetchHandler, HttpListen, Listener, Platform, StreamHandler } from "../platform/types.ts";
import { portHolder } from "../registry/port-holder.ts";
import type { Log } from "../telemetry/ports.ts";

/** A listener that could not start: the port is named, and the process that holds it where the system tells. */
export class ListenError extends Error {}

async function holderOf({ files, process }: Platform, port: number): Promise<string> {
  const holder = files === undefined || process?.platform !== "linux" ? undefined : await portHolder(files, port);
  return holder === undefined ? "" : `; process ${holder.pid} ("${holder.name}") holds it`;
}

async function explain(platform: Platform, what: string, at: HttpListen, cause: unknown): Promise<ListenError> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const place = at.path ?? `${at.host === "" ? "" : at.host}:${at.port}`;
  const holder = at.path === undefined ? await holderOf(platform, at.port) : "";
  return new ListenError(`failed to listen for ${what} on ${place}: ${reason}${holder}`, { cause });
}

/** Listens on every address; fails only when none could be had (what failed is logged), as upstream does. */
async function listenAll(
  platform: Platform,
  log: Log,
  what: string,
  addresses: readonly HttpListen[],
  listen: (at: HttpListen) => Promise<Listener>,
): Promise<readonly Listener[]> {
  const open: Listener[] = [];
  let failure: ListenError | undefined;
  for (const address of addresses) {
    // All addresses share the port that the first one was given.
    const at = address.port === 0 && open[0] !== undefined ? { ...address, port: open[0].port } : address;
    try {
      open.push(await listen(at));
    } catch (error) {
      failure = await explain(platform, what, at, error);
      if (addresses.length > 1) log.warn(failure.message);
    }
  }
  if (open.length === 0 && failure !== undefined) throw failure;
  return open;
}

/** Opens an HTTP API on all its addresses. */
export function listenHttp(
  platform: Platform,
  log: Log,
  what: string,
  addresses: readonly HttpListen[],
  handle: FetchHandler,
): Promise<readonly Listener[]> {
  const { serveHttp } = platform;
  if (serveHttp === undefined) throw new ListenError(`the ${platform.name} runtime cannot listen for HTTP`);
  return listenAll(platform, log, what, addresses, (at) => serveHttp(at, handle));
}

/** Opens a gRPC server on all its addresses. */
export function listenGrpc(
  platform: Platform,
  log: Log,
  what: string,
  addresses: readonly HttpListen[],
  handle: StreamHandler,
): Promise<readonly Listener[]> {
  const { serveHttp2 } = platform;
  if (serveHttp2 === undefined) throw new ListenError(`the ${platform.name} runtime cannot listen for HTTP/2`);
  return listenAll(platform, log, what, addresses, (at) => serveHttp2(at, handle));
}

/** The addresses of a comma list as listening places; brackets of IPv6 go, an empty host is every interface. */
export function placesOf(hosts: readonly string[], port: number, socketPath?: string): readonly HttpListen[] {
  if (socketPath !== undefined) return [{ host: "", port: 0, path: socketPath }];
  return (hosts.length === 0 ? [""] : hosts).map((host) => ({ host: host.replace(/^\[|\]$/g, ""), port }));
}

/** The largest WebSocket message, either way: that of a body, where it has a limit. */
export function maxMessageBytes({ maxBodySize }: Pick<Options, "maxBodySize">): number {
  return maxBodySize > 0 ? maxBodySize : defaultMessageBytes;
}
