import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { encodeBase64 } from "../../../src/kit/base64.ts";
import { encodeUtf8 } from "../../../src/kit/bytes.ts";
import { isTruthy } from "../../../src/kit/truthy.ts";

/** Where the agent is and how it is spoken to. */
export interface AgentSettings {
  /** `http://host:port` with the prefix of a proxy, if any. */
  readonly base: string;
  /** Token and authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parameters of every request. */
  readonly query: readonly (readonly [string, string])[];
  readonly tls: AgentTls | undefined;
}

/** Certificates in PEM. */
export interface AgentTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly rejectUnauthorized?: boolean;
}

/** What `client` may say, in the API's names. */
export interface ClientFields {
  readonly Address?: string;
  readonly Scheme?: string;
  readonly Datacenter?: string;
  readonly HTTPAuth?: { readonly Username?: string; readonly Password?: string };
  /** Nanoseconds. */
  readonly WaitTime?: number;
  readonly Token?: string;
  readonly TokenFile?: string;
  readonly TLSConfig?: {
    readonly Address?: string;
    readonly CAFile?: string;
    readonly CAPath?: string;
    readonly CertFile?: string;
    readonly KeyFile?: string;
    readonly InsecureSkipVerify?: boolean;
  };
}

/** Nanoseconds as the API takes waits. */
export function waitText(nanoseconds: number): string {
  return `${Math.floor(nanoseconds / 1e6)}ms`;
}

/** The agent's settings; what `client` leaves out comes from Consul's environment variables and defaults. Throws DriverError. */
export async function readAgentSettings(
  client: ClientFields | undefined,
  context: Pick<DriverContext, "platform" | "log">,
): Promise<AgentSettings> {
  const { platform } = context;
  const env = (name: string): string => platform.env[name] ?? "";
  const given = client ?? {};
  const fromEnv = isTruthy(env("CONSUL_HTTP_SSL")) ? "https" : "http";
  const base = baseOf(given.Address || env("CONSUL_HTTP_ADDR") || "127.0.0.1:8500", given.Scheme || fromEnv);
  const headers: Record<string, string> = {};
  const token = await readToken(given, env, context);
  if (token !== "") headers["x-consul-token"] = token;
  const auth = given.HTTPAuth ?? (client === undefined ? authOf(env("CONSUL_HTTP_AUTH")) : undefined);
  if (auth !== undefined) {
    headers["authorization"] = `Basic ${encodeBase64(encodeUtf8(`${auth.Username ?? ""}:${auth.Password ?? ""}`))}`;
  }
  const query: [string, string][] = [];
  if (given.Datacenter) query.push(["dc", given.Datacenter]);
  if (given.WaitTime) query.push(["wait", waitText(given.WaitTime)]);
  const tls = base.startsWith("https:") ? await readTls(given.TLSConfig ?? {}, env, context) : undefined;
  return { base, headers, query, tls };
}

function baseOf(address: string, scheme: string): string {
  const found = /^(?:([a-z]+):\/\/)?(.+)$/i.exec(address);
  const [, given = "", rest = ""] = found ?? [];
  // compat: an explicit https is never taken back by an address that begins with http.
  const protocol = given === "https" ? "https" : scheme;
  const text = `${protocol}://${rest.replace(/\/+$/, "")}`;
  if (!["", "http", "https"].includes(given) || !/^https?$/.test(protocol) || !URL.canParse(text)) {
    const message = `client.address ${JSON.stringify(address)} is no address: write host:port, http://host:port or https://host:port`;
    throw new DriverError("badMetadata", message);
  }
  return text;
}

function authOf(pair: string): ClientFields["HTTPAuth"] {
  if (pair === "") return undefined;
  const colon = pair.indexOf(":");
  return colon < 0 ? { Username: pair } : { Username: pair.slice(0, colon), Password: pair.slice(colon + 1) };
}

type Env = (name: string) => string;

/** A file goes before a token that is written out. */
async function readToken(given: ClientFields, env: Env, context: Pick<DriverContext, "platform">): Promise<string> {
  const file = given.TokenFile || env("CONSUL_HTTP_TOKEN_FILE");
  const token = file === "" ? "" : (await readText("client.tokenFile", file, context)).trim();
  return token || given.Token || env("CONSUL_HTTP_TOKEN");
}

async function readTls(
  given: NonNullable<ClientFields["TLSConfig"]>,
  env: Env,
  context: Pick<DriverContext, "platform" | "log">,
): Promise<AgentTls | undefined> {
  const path = given.CAPath || env("CONSUL_CAPATH");
  if (path !== "") {
    throw new DriverError("unsupported", `client.tlsConfig.caPath is not served: name one file with caFile`);
  }
  const file = async (field: string, name: string | undefined, variable: string) => {
    const chosen = name || env(variable);
    return chosen === "" ? undefined : readText(`client.tlsConfig.${field}`, chosen, context);
  };
  const [ca, cert, key] = [
    await file("caFile", given.CAFile, "CONSUL_CACERT"),
    await file("certFile", given.CertFile, "CONSUL_CLIENT_CERT"),
    await file("keyFile", given.KeyFile, "CONSUL_CLIENT_KEY"),
  ];
  const verify = env("CONSUL_HTTP_SSL_VERIFY");
  const skips = given.InsecureSkipVerify === true || (verify !== "" && !isTruthy(verify));
  const serverName = given.Address || env("CONSUL_TLS_SERVER_NAME");
  if (skips) {
    context.log.info(
      "hashicorp consul: you are using 'insecureSkipVerify' to skip server config verify which is unsafe!",
    );
  }
  const tls: AgentTls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== "" && { serverName }),
    ...(skips && { rejectUnauthorized: false }),
  };
  if (Object.keys(tls).length === 0) return undefined;
  // portable: only Bun's fetch takes certificates for one request.
  if (context.platform.name !== "bun") {
    const message = `certificates of nameresolution.hashicorp.consul are not served on the ${context.platform.name} runtime, use the executable`;
    throw new DriverError("unsupported", message);
  }
  return tls;
}

async function readText(field: string, path: string, { platform }: Pick<DriverContext, "platform">): Promise<string> {
  if (platform.files === undefined) throw new DriverError("badMetadata", `${field}: this host has no files`);
  try {
    return await platform.files.readText(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DriverError("badMetadata", `${field}: reading ${JSON.stringify(path)} failed: ${why}`, { cause });
  }
}
