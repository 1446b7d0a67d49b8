import type { Call } from "../../kit/call.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Invocation, InvocationReply, InvocationTarget } from "../../kit/invocation.ts";
import type { Policy } from "../../kit/policy.ts";
import type { ForwardingHost } from "./header-rules.ts";

/** An app id in its namespace. */
export interface AppName {
  readonly appId: string;
  readonly namespace: string;
}

/** The own app, under the name that others of this process know it by. */
export interface OwnName extends AppName {
  /** Tells the sidecars of this process that the name is proven. */
  readonly trustDomain?: string | undefined;
}

/** One address of an app's sidecar. */
export interface PeerAddress extends AppName {
  /** `host:port` of its internal listener. */
  readonly address: string;
}

/** Finds addresses of apps in other processes. */
export interface PeerResolver {
  /**
   * One address to call now, at once where it is at hand; the signal of the call is looked at only where it is not. Rejects with the
   * resolver's own words when there is none.
   */
  resolve(app: AppName, call: { readonly signal: AbortSignal }): string | Promise<string>;
  /** An address did not answer: forget it, so that the next look-up asks again. */
  forget(app: AppName, address: string): void;
}

/** Calls sidecars of other processes. */
export interface Peers {
  /**
   * Rejects with InvocationFailure; its code is that of the transport or of the peer. Code 14 (UNAVAILABLE) or 16 (UNAUTHENTICATED)
   * means that the peer could not be reached.
   */
  invoke(peer: PeerAddress, request: Invocation, call: Call): Promise<InvocationReply>;
}

/** Who may call what; the callee asks before its app is called. */
export interface AccessControl {
  /** The reason to refuse, or undefined. `verb` is empty for gRPC apps; a caller with a trust domain is who it says. */
  refuses(caller: Call["caller"], method: string, verb: string): string | undefined;
}

/** Counts calls between sidecars; both ends count. */
export interface InvokeMeter {
  requestSent(callee: string): void;
  /** `code` as in the reply; `ms` since the request was sent. */
  responseReceived(callee: string, code: number, ms: number): void;
  requestReceived(caller: string): void;
  responseSent(caller: string, code: number): void;
}

/** What is to be done around calls. */
export interface InvokePolicies {
  /** Around a whole call of what `id` names; undefined: nothing. Absent: nothing for any. */
  readonly call: ((id: string, method: string) => Policy | undefined) | undefined;
  /** Around the hop to a sidecar elsewhere: the built-in retries; undefined where resources name the app and so say what counts. */
  hop(appId: string): Policy | undefined;
  /** A streamed body of known length is kept for further tries when it has no more bytes. */
  readonly replayBytes: number;
}

/** What invocation needs of its surroundings. */
export interface InvokePorts {
  readonly self: OwnName;
  readonly host: ForwardingHost;
  readonly clock: Clock;
  /** The own app; undefined while there is none. */
  readonly app: () => InvocationTarget | undefined;
  /** Sidecars of this process: what they answer is their accepting side. */
  readonly sidecars: { find(appId: string, namespace: string): InvocationTarget | undefined };
  readonly resolver: PeerResolver | undefined;
  readonly peers: Peers | undefined;
  /** The target of an absolute URL or of a named HTTP endpoint; undefined when it is no such name. */
  readonly external?: (id: string) => InvocationTarget | undefined;
  readonly policies: InvokePolicies;
  readonly meter?: InvokeMeter;
}
