import { Code, ConnectError } from "@connectrpc/connect";
import type { Call } from "../../kit/call.ts";
import { type Invocation, InvocationFailure, type InvocationReply } from "../../kit/invocation.ts";
import type { GrpcClient } from "../grpc/client.ts";
import type { GrpcPool, GrpcTarget } from "../grpc/pool.ts";
import { callLocal } from "./call-local.ts";
import { callLocalStream } from "./call-local-stream.ts";

/** One address of an app's sidecar. */
export interface PeerAddress {
  readonly appId: string;
  readonly namespace: string;
  /** `host:port` of its internal listener. */
  readonly address: string;
}

/** Sidecars of other processes, over the internal service. */
export interface Peers {
  /** Rejects with InvocationFailure; code 14 or 16 means that the peer could not be reached. */
  invoke(peer: PeerAddress, request: Invocation, call: Call): Promise<InvocationReply>;
  /** The connection to a peer, for calls of any service. */
  target(peer: PeerAddress): Pick<GrpcClient, "raw" | "open" | "http2">;
}

/** How long a connection to a peer may take. */
const connectTimeoutMs = 15_000;
const unimplemented = 12;
/** Addresses whose form is remembered. */
const mostTargets = 1000;

/** Calls peers over the connections of a pool. Plain; TLS comes with identities. */
export function createPeers(pool: GrpcPool): Peers {
  const targets = new Map<string, GrpcTarget>();
  const clientOf = ({ address }: PeerAddress): GrpcClient => {
    const known = targets.get(address);
    if (known !== undefined) return pool.get(known);
    const cut = address.lastIndexOf(":");
    const host = address.slice(0, cut).replace(/^\[|\]$/g, "");
    const port = Number(address.slice(cut + 1));
    if (cut < 1 || !(port > 0 && port < 65_536)) {
      throw new InvocationFailure(Code.Unavailable, `invalid target address ${address}`);
    }
    const target: GrpcTarget = { host, port, connectTimeoutMs, key: address };
    if (targets.size >= mostTargets) targets.clear();
    targets.set(address, target);
    return pool.get(target);
  };

  return {
    invoke(peer, request, call) {
      let client: GrpcClient;
      try {
        client = clientOf(peer);
      } catch (error) {
        return Promise.reject(error);
      }
      return callLocalStream(client, peer.appId, request, call).catch((error: unknown) => {
        if (!(error instanceof ConnectError)) throw error;
        const isWhole = request.upgrade === undefined && !(request.body instanceof ReadableStream);
        if (error.code === unimplemented && isWhole) {
          return callLocal(client, peer.appId, request, call);
        }
        throw new InvocationFailure(error.code, error.rawMessage, { cause: error });
      });
    },
    target: clientOf,
  };
}
