export interface ResolveRequest {
  readonly appId: string;
  readonly namespace: string;
  /** Port that the registry should answer for; the internal gRPC port of the peer by default. */
  readonly port: number;
  readonly data: Readonly<Record<string, string>>;
}
/** What a sidecar announces of itself. */
export interface Announcement {
  readonly appId: string;
  readonly namespace: string;
  readonly hostAddress: string;
  readonly internalPort: number;
  readonly httpPort: number;
  /** Absent without an app. */
  readonly appPort?: number | undefined;
}
/** Finds the internal gRPC address (`host:port`) of apps by id. */
export interface NameResolver {
  /** Announces this sidecar; the answer withdraws it. Absent where registration is not the resolver's affair. */
  register?(self: Announcement): Promise<() => Promise<void>>;
  /** It knows better than a cache: one of the addresses is taken at random, and the next call asks again. */
  readonly isFresh?: boolean;
  /** Addresses that are at hand, for those who call often; empty: ask `resolve`. Absent: nothing ever is. */
  known?(request: Pick<ResolveRequest, "appId" | "namespace">): readonly string[];
  /** All known addresses (the caller balances), empty when unknown. */
  resolve(request: ResolveRequest, signal: AbortSignal): Promise<readonly string[]>;
  /** An address of the app did not answer: whoever keeps addresses should give others first. */
  unreachable?(appId: string, address: string): void;
  close(): Promise<void>;
}
