import { decodeMetadata, MetadataError } from "../kit/schema/decode.ts";
import type { Decoded, MetadataSchema } from "../kit/schema/metadata.ts";
import type { Category, Driver, DriverSpec } from "./define.ts";
import { DriverError } from "./errors.ts";

function readMetadata<S extends MetadataSchema>(schema: S, raw: ReadonlyMap<string, string>): Decoded<S> {
  try {
    return decodeMetadata(schema, raw);
  } catch (cause) {
    if (cause instanceof MetadataError) throw new DriverError("badMetadata", cause.message, { cause });
    throw cause;
  }
}

function defineDriver<C extends Category, S extends MetadataSchema>(category: C, spec: DriverSpec<C, S>): Driver<C> {
  return Object.freeze({
    category,
    type: spec.type,
    versions: spec.versions,
    aliases: spec.aliases ?? [],
    status: spec.status,
    summary: spec.summary,
    ...(spec.directions !== undefined && { directions: spec.directions }),
    needs: spec.needs ?? [],
    metadata: spec.metadata,
    open: async (raw, context) => spec.open(readMetadata(spec.metadata, raw), context, raw),
  } satisfies Driver<C>);
}

/** Declares a state store. Metadata that does not fit the schema makes `open` reject with DriverError "badMetadata". */
export function defineStateStore<S extends MetadataSchema>(spec: DriverSpec<"state", S>): Driver<"state"> {
  return defineDriver("state", spec);
}

/** Declares a secret store, in the way of `defineStateStore`. */
export function defineSecretStore<S extends MetadataSchema>(
  spec: DriverSpec<"secretstores", S>,
): Driver<"secretstores"> {
  return defineDriver("secretstores", spec);
}

/** Declares a message broker, in the way of `defineStateStore`. */
export function definePubSub<S extends MetadataSchema>(spec: DriverSpec<"pubsub", S>): Driver<"pubsub"> {
  return defineDriver("pubsub", spec);
}

/** Declares a binding, in the way of `defineStateStore`. */
export function defineBinding<S extends MetadataSchema>(spec: DriverSpec<"bindings", S>): Driver<"bindings"> {
  return defineDriver("bindings", spec);
}

/** Declares a name resolver, in the way of `defineStateStore`. */
export function defineNameResolver<S extends MetadataSchema>(
  spec: DriverSpec<"nameresolution", S>,
): Driver<"nameresolution"> {
  return defineDriver("nameresolution", spec);
}

/** Declares an HTTP middleware, in the way of `defineStateStore`. Its type is `middleware.http.<name>`. */
export function defineHttpMiddleware<S extends MetadataSchema>(
  spec: DriverSpec<"middleware", S> & { readonly type: `middleware.http.${string}` },
): Driver<"middleware"> {
  return defineDriver("middleware", spec);
}
