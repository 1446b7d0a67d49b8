import { defineNameResolver } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { joinHostPort, splitHostPort } from "../../_shared/host-port.ts";

interface Peer {
  readonly host: string;
  /** Empty: the usual one. */
  readonly port: string;
}

/** Addresses that the configuration names: no network to search, no registry. */
export default defineNameResolver({
  type: "nameresolution.static",
  versions: ["v1"],
  status: "alpha",
  summary: "Addresses of apps that the configuration names",
  metadata: {
    peers: m
      .json()
      .required('add peers: a block of lines such as "orders: 10.0.0.5:50002"')
      .help("Internal addresses by app id (or `id.namespace`), one or a list each; port 50002 where there is none"),
  },
  async open({ peers }, { log }) {
    const known = readPeers(peers);
    if (known.size === 0) log.warn("peers names no app: calls of other apps will fail");
    return {
      async resolve({ appId, namespace, port }) {
        const found = known.get(`${appId}.${namespace}`) ?? known.get(appId);
        if (found === undefined) {
          const ids = [...known.keys()].join(", ");
          throw new DriverError("notFound", `no address is configured for app ${appId}; peers has ${ids || "none"}`);
        }
        return found.map((peer) => joinHostPort(peer.host, peer.port === "" ? port : peer.port));
      },
      async close() {},
    };
  },
});

function readPeers(given: unknown): Map<string, readonly Peer[]> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new DriverError("badMetadata", 'peers must be a block of lines such as "orders: 10.0.0.5:50002"');
  }
  const known = new Map<string, readonly Peer[]>();
  for (const [id, value] of Object.entries(given)) {
    if (!/^[^.]+(?:\.[^.]+)?$/.test(id)) {
      throw new DriverError("badMetadata", `peers: ${JSON.stringify(id)} is no app id, write id or id.namespace`);
    }
    const addresses: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (addresses.length === 0) throw new DriverError("badMetadata", `peers: app ${id} has no address`);
    known.set(
      id,
      addresses.map((address) => readPeer(id, address)),
    );
  }
  return known;
}

function readPeer(id: string, address: unknown): Peer {
  const peer = typeof address === "string" ? splitHostPort(address) : undefined;
  if (peer !== undefined) return peer;
  const fix = "write host:port, for IPv6 [address]:port";
  throw new DriverError("badMetadata", `peers: ${JSON.stringify(address)} of app ${id} is no address, ${fix}`);
}
