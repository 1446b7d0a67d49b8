/** A loaded component as the metadata API shows it. */
export interface ComponentFacts {
  readonly name: string;
  readonly type: string;
  readonly version: string;
  readonly capabilities: readonly string[];
}

/** Where a subscription came from. */
export type SubscriptionOrigin = "UNKNOWN" | "DECLARATIVE" | "PROGRAMMATIC" | "STREAMING";

/** An active subscription. `match` of the default rule is empty. */
export interface SubscriptionFacts {
  readonly pubsubName: string;
  readonly topic: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly rules: readonly { readonly match: string; readonly path: string }[];
  readonly deadLetterTopic: string;
  readonly type: SubscriptionOrigin;
}

/** How the sidecar reaches its app. */
export interface AppConnection {
  /** 0 without an app. */
  readonly port: number;
  readonly protocol: string;
  readonly channelAddress: string;
  /** 0: no limit. */
  readonly maxConcurrency: number;
  /** Absent when the app's health is not probed. */
  readonly health?: {
    /** Empty for apps that speak gRPC. */
    readonly path: string;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly threshold: number;
  };
}

/** Actors of one type that are active here. */
export interface ActiveActors {
  readonly type: string;
  readonly count: number;
}

/** The state of the actor runtime. */
export interface ActorFacts {
  readonly status: "INITIALIZING" | "DISABLED" | "RUNNING";
  readonly active: readonly ActiveActors[];
  readonly hostReady: boolean;
  readonly placement: string;
}

/** All that the metadata API tells of a sidecar. */
export interface SidecarFacts {
  readonly id: string;
  readonly runtimeVersion: string;
  readonly enabledFeatures: readonly string[];
  readonly components: readonly ComponentFacts[];
  readonly extended: Readonly<Record<string, string>>;
  readonly subscriptions: readonly SubscriptionFacts[];
  readonly httpEndpoints: readonly string[];
  readonly app: AppConnection;
  readonly actors: ActorFacts;
  readonly mcpServers: readonly string[];
  readonly workflowAccessPolicies: readonly string[];
  readonly resiliencies: readonly string[];
}
