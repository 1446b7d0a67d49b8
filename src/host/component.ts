import type { Category, Contracts } from "../driver/define.ts";

/** One metadata item of a Component resource: a value, or where to find it. */
export interface PropertyItem {
  readonly name: string;
  readonly value?: string;
  readonly secretKeyRef?: { readonly name: string; readonly key: string };
  readonly envRef?: string;
}

/** What the host needs of a Component resource. */
export interface ComponentResource {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly version: string;
  readonly metadata: readonly PropertyItem[];
  /** `auth.secretStore`, empty when not given. */
  readonly secretStore: string;
  readonly ignoreErrors: boolean;
  readonly initTimeoutMs: number;
}

/** A component that is ready. `instance` is guarded: metrics and policies are around it. */
export interface LoadedComponent<C extends Category = Category> {
  readonly resource: ComponentResource;
  readonly name: string;
  readonly type: string;
  readonly version: string;
  readonly category: C;
  readonly instance: Contracts[C];
  /** What the metadata API reports. */
  readonly capabilities: readonly string[];
  /** Metadata as given, secrets resolved; keys keep their case. */
  readonly properties: ReadonlyMap<string, string>;
}
