import { DriverError } from "../../src/driver/errors.ts";
import { parseDuration } from "../../src/kit/duration.ts";
import { m } from "../../src/kit/schema/codecs.ts";
import type { Decoded, Field } from "../../src/kit/schema/metadata.ts";

/** Where one Redis or sentinel process listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** How to reach Redis. Times are milliseconds, undefined means no limit. */
export interface RedisSettings {
  /** The addresses as the component names them, for messages. */
  readonly host: string;
  readonly addresses: readonly RedisAddress[];
  readonly topology: "node" | "cluster" | "sentinel";
  readonly username: string;
  readonly password: string;
  readonly database: number;
  readonly sentinel: { readonly master: string; readonly username: string; readonly password: string };
  readonly tls: { readonly cert?: string; readonly key?: string; readonly insecure: boolean } | undefined;
  readonly maxRetries: number;
  readonly minBackoff: number;
  readonly maxBackoff: number;
  readonly dialTimeout: number;
  readonly readTimeout: number | undefined;
  readonly writeTimeout: number | undefined;
}

// compat: common/component/redis/settings.go takes bare numbers as milliseconds, and a negative one as "off"
function parseMilliseconds(raw: string): number {
  const text = raw.trim();
  if (/^[+-]?[0-9]+$/.test(text)) return Number(text);
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new Error(`${JSON.stringify(raw)} is not a duration, write for example 3s or a number of milliseconds`, {
      cause,
    });
  }
}

/** A field of which a bare number is milliseconds, also a negative one. */
export function milliseconds(fallback: number, help: string): Field<number> {
  return { ...m.duration().default(fallback).help(help), parse: parseMilliseconds };
}

const goTrue: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const goFalse: ReadonlySet<string> = new Set(["", "0", "f", "F", "FALSE", "false", "False"]);

// compat: common/component/redis/settings.go decodes its flags strictly: `yes` and the like are faults
function parseFlag(raw: string): boolean {
  if (goTrue.has(raw)) return true;
  if (goFalse.has(raw)) return false;
  throw new Error(`${JSON.stringify(raw)} is neither true nor false`);
}

function strictFlag(help: string): Field<boolean> {
  return { ...m.flag().default(false).help(help), parse: parseFlag };
}

const shared = "Accepted for compatibility: all commands share one connection to each server";

/** Metadata of every component that works on Redis. `minBackoff` is what the category starts with, in milliseconds. */
export function redisFields(minBackoff: number) {
  return {
    redisHost: m.text().default("localhost:6379").help("`host:port`; a list with commas for clusters and sentinels"),
    redisPort: m.integer().help("Port of hosts that name none, 6379 otherwise"),
    redisUsername: m.text().default("").help("User of the server's access list"),
    redisPassword: m.secret().default("").help("Password of the server"),
    redisDB: m.integer().default(0).help("Number of the database; a cluster has only one"),
    redisType: m.choice("node", "cluster", "sentinel").default("node").help("`cluster` for a Redis Cluster"),
    failover: strictFlag("The hosts are sentinels, which name the server in charge"),
    sentinelMasterName: m.text().default("").help("Name under which the sentinels watch the server"),
    sentinelUsername: m.text().default("").help("User of the sentinels"),
    sentinelPassword: m.secret().default("").help("Password of the sentinels"),
    enableTLS: strictFlag("Connects over TLS"),
    insecureSkipTLSVerify: strictFlag("Accepts any certificate of the server: for tests only"),
    clientCert: m.text().default("").help("Certificate that we show, PEM"),
    clientKey: m.secret().default("").help("Its private key, PEM"),
    redisMaxRetries: m
      .integer()
      .default(3)
      .alias("maxRetries")
      .help("How often a command is sent again when the server cannot be reached; -1 never"),
    redisMinRetryInterval: milliseconds(minBackoff, "Shortest wait before that, in milliseconds or as a duration"),
    redisMaxRetryInterval: milliseconds(0, "Longest wait before that; 0 is 512 ms"),
    maxRetryBackoff: m.text().default("").help("Old name of `redisMinRetryInterval`, in nanoseconds"),
    dialTimeout: milliseconds(0, "Limit for connecting; 0 is 5 s"),
    readTimeout: milliseconds(0, "Limit for the answer to a read; 0 is 3 s, -1 none"),
    writeTimeout: milliseconds(0, "Limit for the answer to a write; 0 is that of reads"),
    poolSize: m.integer().default(0).help(shared),
    poolTimeout: milliseconds(0, shared),
    minIdleConns: m.integer().default(0).help(shared),
    maxConnAge: milliseconds(0, shared),
    idleTimeout: milliseconds(0, shared),
    idleCheckFrequency: milliseconds(0, shared),
    useEntraID: m.flag().default(false).alias("useAzureAD").help("Microsoft Entra ID: not available in this build"),
    useOIDC: m.flag().default(false).help("OIDC: not available in this build"),
  };
}

function configurationError(text: string, cause?: unknown): DriverError {
  return new DriverError("badMetadata", `redis client configuration error: ${text}`, { cause });
}

/** The parts of `host:port`, `[::1]:port`; undefined without a port. */
function splitHostPort(address: string): RedisAddress | undefined {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]*)$/.exec(address);
  return parts === null ? undefined : { host: parts[1] ?? parts[2] ?? "", port: Number(parts[3]) };
}

function readAddress(text: string, port: number): RedisAddress {
  const found = splitHostPort(text);
  if (found === undefined) return { host: text.replace(/^\[|\]$/g, ""), port: port === 0 ? 6379 : port };
  if (port !== 0 && found.port !== port)
    throw configurationError(
      `redis host ${JSON.stringify(text)} already contains port ${found.port}, but redisPort is set to ${port}; either remove the port from redisHost or remove the redisPort setting`,
    );
  return found;
}

function joinHostPort({ host, port }: RedisAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function minBackoffOf(settings: Decoded<ReturnType<typeof redisFields>>, given: boolean): number {
  const text = settings.maxRetryBackoff;
  if (given || text === "") return settings.redisMinRetryInterval;
  if (!/^[+-]?[0-9]+$/.test(text))
    throw new DriverError("badMetadata", `redis store error: can't parse maxRetryBackoff field: "${text}"`);
  return Number(text) / 1e6;
}

const timeout = (given: number, fallback: number | undefined): number | undefined => {
  if (given === 0) return fallback;
  return given > 0 ? given : undefined;
};

/**
 * Reads the connection of a component in upstream's way. `minBackoff` is what `redisFields` was given.
 * Throws DriverError "badMetadata".
 */
export function readRedisSettings(
  settings: Decoded<ReturnType<typeof redisFields>>,
  minBackoff: number,
): RedisSettings {
  for (const name of ["useEntraID", "useOIDC"] as const)
    if (settings[name])
      throw configurationError(
        `this build cannot sign in with "${name}": give "redisUsername" and "redisPassword", or use a server with client certificates`,
      );
  const port = settings.redisPort ?? 0;
  if (port < 0 || port > 65_535) throw configurationError(`redisPort ${port} is no port: write 1 to 65535`);
  const text = settings.redisHost === "" ? "localhost:6379" : settings.redisHost;
  const addresses = text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .map((each) => readAddress(each, port));
  const topology = settings.failover ? "sentinel" : settings.redisType === "cluster" ? "cluster" : "node";
  if (addresses.length === 0) throw configurationError(`redisHost ${JSON.stringify(text)} names no address`);
  if (topology === "node" && addresses.length > 1)
    throw configurationError(
      `redisHost ${JSON.stringify(text)} names several addresses: set "redisType" to "cluster", or "failover" to "true" when they are sentinels`,
    );
  if (topology === "sentinel" && settings.sentinelMasterName === "")
    throw configurationError('"failover" needs "sentinelMasterName", the name under which the sentinels watch Redis');
  const { clientCert, clientKey } = settings;
  if (!Number.isSafeInteger(settings.redisDB) || settings.redisDB < 0)
    throw configurationError(`redisDB ${settings.redisDB} is no database: write 0 or more`);
  const readTimeout = timeout(settings.readTimeout, 3000);
  return {
    host: addresses.map(joinHostPort).join(","),
    addresses,
    topology,
    username: settings.redisUsername,
    password: settings.redisPassword,
    database: settings.redisType === "cluster" ? 0 : settings.redisDB,
    sentinel: {
      master: settings.sentinelMasterName,
      username: settings.sentinelUsername,
      password: settings.sentinelPassword,
    },
    tls: settings.enableTLS
      ? {
          ...(clientCert !== "" && clientKey !== "" && { cert: clientCert, key: clientKey }),
          insecure: settings.insecureSkipTLSVerify,
        }
      : undefined,
    maxRetries: settings.redisMaxRetries === 0 ? 3 : Math.max(0, settings.redisMaxRetries),
    minBackoff: backoff(minBackoffOf(settings, settings.redisMinRetryInterval !== minBackoff), 8),
    maxBackoff: backoff(settings.redisMaxRetryInterval, 512),
    dialTimeout: timeout(settings.dialTimeout, undefined) ?? 5000,
    readTimeout,
    writeTimeout: timeout(settings.writeTimeout, readTimeout),
  };
}

function backoff(given: number, fallback: number): number {
  return given === 0 ? fallback : Math.max(0, given);
}
