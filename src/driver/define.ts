import type { Decoded, MetadataSchema } from "../kit/schema/metadata.ts";
import type { Binding } from "./bindings.ts";
import type { DriverContext } from "./context.ts";
import type { HttpMiddleware } from "./middleware.ts";
import type { NameResolver } from "./nameresolution.ts";
import type { PubSub } from "./pubsub.ts";
import type { SecretStore } from "./secretstore.ts";
import type { StateStore } from "./state.ts";

/** Component categories that exist, with the contract of each. The key is the first part of a component's type. */
export interface Contracts {
  state: StateStore;
  secretstores: SecretStore;
  pubsub: PubSub;
  nameresolution: NameResolver;
  bindings: Binding;
  middleware: HttpMiddleware;
}
export type Category = keyof Contracts;

export interface DriverSpec<C extends Category, S extends MetadataSchema> {
  /** Full type, for example `state.redis`. */
  readonly type: `${C}.${string}`;
  /** Registered versions; "v1" also answers to "" and "v0". */
  readonly versions: readonly string[];
  readonly aliases?: readonly string[];
  readonly status: "stable" | "beta" | "alpha";
  /** One sentence for the catalog table. */
  readonly summary: string;
  /** Of a binding: the ways that it can go. */
  readonly directions?: readonly ("input" | "output")[];
  /** Host abilities without which the driver cannot open. */
  readonly needs?: readonly ("sqlite" | "files" | "udp" | "process")[];
  readonly metadata: S;
  /** Gives a ready instance or throws a DriverError; frees what it took before throwing. `raw` is all metadata as given, for what no schema can name. */
  open(metadata: Decoded<S>, context: DriverContext, raw: ReadonlyMap<string, string>): Promise<Contracts[C]>;
}

/** A driver with its schema type erased, as the catalog holds it. */
export interface Driver<C extends Category = Category> {
  readonly category: C;
  readonly type: string;
  readonly versions: readonly string[];
  readonly aliases: readonly string[];
  readonly status: "stable" | "beta" | "alpha";
  readonly summary: string;
  /** Of a binding: the ways that it can go. */
  readonly directions?: readonly ("input" | "output")[];
  readonly needs: readonly string[];
  readonly metadata: MetadataSchema;
  open(raw: ReadonlyMap<string, string>, context: DriverContext): Promise<Contracts[C]>;
}

/** Type of a component to the loader of its driver; generated from the folders below `components`. */
export type Catalog = Readonly<Record<string, () => Promise<{ readonly default: Driver }>>>;
