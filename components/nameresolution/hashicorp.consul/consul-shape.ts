import { DriverError } from "../../../src/driver/errors.ts";

/** What a field holds; a string is the field's name on the wire where that differs. */
export type Shape =
  | { readonly kind: "text" | "flag" | "integer" | "any" | "texts" | "textMap" | "textsMap" }
  | { readonly kind: "list" | "map"; readonly of: Shape }
  | {
      readonly kind: "block";
      readonly fields: Readonly<Record<string, Shape>>;
      readonly wire?: Readonly<Record<string, string>>;
    };

const text: Shape = { kind: "text" };
const flag: Shape = { kind: "flag" };
const integer: Shape = { kind: "integer" };
const texts: Shape = { kind: "texts" };
const textMap: Shape = { kind: "textMap" };
const anything: Shape = { kind: "any" };

/** How sidecars reach their agent. */
export const clientShape: Shape = {
  kind: "block",
  fields: {
    Address: text,
    Scheme: text,
    Datacenter: text,
    HTTPAuth: { kind: "block", fields: { Username: text, Password: text } },
    WaitTime: integer,
    Token: text,
    TokenFile: text,
    TLSConfig: {
      kind: "block",
      fields: { Address: text, CAFile: text, CAPath: text, CertFile: text, KeyFile: text, InsecureSkipVerify: flag },
    },
  },
};

/** Options of look-ups. */
export const queryShape: Shape = {
  kind: "block",
  fields: {
    Namespace: text,
    Partition: text,
    Datacenter: text,
    WaitHash: text,
    Token: text,
    Near: text,
    Filter: text,
    MaxAge: integer,
    StaleIfError: integer,
    WaitIndex: integer,
    WaitTime: integer,
    NodeMeta: textMap,
    AllowStale: flag,
    RequireConsistent: flag,
    UseCache: flag,
    RelayFactor: integer,
    LocalOnly: flag,
    Connect: flag,
  },
};

const check: Shape = {
  kind: "block",
  fields: {
    Args: texts,
    CheckID: text,
    Name: text,
    DockerContainerID: text,
    Shell: text,
    Interval: text,
    Timeout: text,
    TTL: text,
    HTTP: text,
    Method: text,
    TCP: text,
    Status: text,
    Notes: text,
    GRPC: text,
    AliasNode: text,
    AliasService: text,
    DeregisterCriticalServiceAfter: text,
    Header: { kind: "textsMap" },
    TLSSkipVerify: flag,
    GRPCUseTLS: flag,
  },
  wire: { Args: "ScriptArgs" },
};

/** Health checks of a registration. */
export const checksShape: Shape = { kind: "list", of: check };

const meshGateway: Shape = { kind: "block", fields: { Mode: text } };
const upstream: Shape = {
  kind: "block",
  fields: {
    DestinationType: text,
    DestinationNamespace: text,
    DestinationName: text,
    Datacenter: text,
    LocalBindAddress: text,
    LocalBindPort: integer,
    Config: anything,
    MeshGateway: meshGateway,
  },
};
const exposePath: Shape = {
  kind: "block",
  fields: { ListenerPort: integer, Path: text, LocalPathPort: integer, Protocol: text, ParsedFromCheck: flag },
};
const proxy: Shape = {
  kind: "block",
  fields: {
    DestinationServiceName: text,
    DestinationServiceID: text,
    LocalServiceAddress: text,
    LocalServicePort: integer,
    Config: anything,
    Upstreams: { kind: "list", of: upstream },
    MeshGateway: meshGateway,
    Expose: { kind: "block", fields: { Checks: flag, Paths: { kind: "list", of: exposePath } } },
  },
};
const serviceFields = {
  Kind: text,
  ID: text,
  Name: text,
  Tags: texts,
  Port: integer,
  Address: text,
  TaggedAddresses: { kind: "map", of: { kind: "block", fields: { Address: text, Port: integer } } },
  EnableTagOverride: flag,
  Meta: textMap,
  Weights: { kind: "block", fields: { Passing: integer, Warning: integer } },
  Check: check,
  Checks: checksShape,
  Proxy: proxy,
} as const satisfies Readonly<Record<string, Shape>>;
const sidecarService: Shape = { kind: "block", fields: serviceFields };

/** A whole registration. */
export const registrationShape: Shape = {
  kind: "block",
  fields: {
    ...serviceFields,
    Connect: { kind: "block", fields: { Native: flag, SidecarService: sidecarService } },
  },
};

const isBlock = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string";
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

const simple: Readonly<Record<string, { readonly what: string; readonly fits: (value: unknown) => boolean }>> = {
  text: { what: "text", fits: isText },
  flag: { what: "true or false", fits: (value) => typeof value === "boolean" },
  integer: { what: "a whole number", fits: Number.isInteger },
  any: { what: "anything", fits: () => true },
  texts: { what: "a list of texts", fits: isTexts },
  textMap: { what: "a block of texts", fits: (value) => isBlock(value) && Object.values(value).every(isText) },
  textsMap: {
    what: "a block of lists of texts",
    fits: (value) => isBlock(value) && Object.values(value).every(isTexts),
  },
};

/**
 * A value with the names that Consul's API has, which files write in any case; what is absent or null stays away. `unknown` hears of
 * names that mean nothing. Throws DriverError that names the place.
 */
export function shaped(value: unknown, shape: Shape, place: string, unknown: (place: string) => void): unknown {
  if (shape.kind === "list") {
    if (!Array.isArray(value)) throw misfit(place, "a list");
    return value.map((item, index) => shaped(item, shape.of, `${place}[${index}]`, unknown));
  }
  if (shape.kind === "map") {
    if (!isBlock(value)) throw misfit(place, "a block of fields");
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, item]) => [key, shaped(item, shape.of, `${place}.${key}`, unknown)]));
  }
  if (shape.kind === "block") {
    if (!isBlock(value)) throw misfit(place, "a block of fields");
    const names = new Map(Object.keys(shape.fields).map((name) => [name.toLowerCase(), name]));
    const found: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      const name = names.get(key.toLowerCase());
      if (name === undefined) unknown(`${place}.${key}`);
      else if (item !== null && item !== undefined) {
        found[shape.wire?.[name] ?? name] = shaped(item, shape.fields[name] as Shape, `${place}.${key}`, unknown);
      }
    }
    return found;
  }
  const { what, fits } = simple[shape.kind] as (typeof simple)[string];
  if (!fits(value)) throw misfit(place, what);
  return value;
}

function misfit(place: string, what: string): DriverError {
  return new DriverError("badMetadata", `error deserializing to configSpec: ${place} must be ${what}`);
}
