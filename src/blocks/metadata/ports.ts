import type { ActorFacts, AppConnection, ComponentFacts, SubscriptionFacts } from "./model.ts";

/** What the block asks of the sidecar. Functions are asked anew for every call. */
export interface MetadataPorts {
  readonly appId: string;
  readonly runtimeVersion: string;
  readonly app: AppConnection;
  /** Labels of the sidecar; the API reads and adds to them. */
  readonly extended: Map<string, string>;
  readonly enabledFeatures: readonly string[];
  components(): readonly ComponentFacts[];
  /** Absent: there are no subscriptions. */
  subscriptions?(): readonly SubscriptionFacts[];
  /** Names of the loaded resources of each kind. */
  readonly httpEndpoints: readonly string[];
  readonly mcpServers: readonly string[];
  readonly workflowAccessPolicies: readonly string[];
  readonly resiliencies: readonly string[];
  /** Absent: actors are disabled. */
  actors?(): ActorFacts;
}

export interface HealthPorts {
  readonly appId: string;
  /** Names of what the sidecar still waits for. */
  missing(): readonly string[];
  /** Components and outbound APIs are up, whether or not the app is. */
  isOutboundReady(): boolean;
}

export interface ShutdownPorts {
  /** Runs `wake` once after `ms`. */
  after(ms: number, wake: () => void): unknown;
  /** Ends the sidecar in good order. */
  stop(): void;
  /** Ends it at once with an exit code. */
  exit(code: number): void;
  readonly log: { info(message: string): void; warn(message: string): void };
}
