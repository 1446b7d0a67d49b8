import { DriverError } from "../../../src/driver/errors.ts";

/** One server of `natsURL`. */
export interface NatsServer {
  readonly transport: "tcp" | "ws";
  /** Encrypted from the client's side; a plain one becomes so when the server asks. */
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
}

/** What `natsURL` says. */
export interface NatsServers {
  readonly servers: readonly NatsServer[];
  readonly credentials: { readonly user: string; readonly password: string } | { readonly token: string } | undefined;
  /** The addresses without credentials, for messages. */
  readonly text: string;
}

const schemes: Readonly<Record<string, Pick<NatsServer, "transport" | "isSecure" | "port">>> = {
  nats: { transport: "tcp", isSecure: false, port: 4222 },
  tls: { transport: "tcp", isSecure: true, port: 4222 },
  ws: { transport: "ws", isSecure: false, port: 80 },
  wss: { transport: "ws", isSecure: true, port: 443 },
};

/** `host:port`, with brackets where a host needs them. */
export function hostAndPort({ host, port }: Pick<NatsServer, "host" | "port">): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function notAnAddress(text: string): DriverError {
  const shown = JSON.stringify(text.replace(/^(.*\/\/)?.*@/, "$1"));
  const examples = "write for example nats://localhost:4222 (or tls://, ws://, wss://)";
  return new DriverError("badMetadata", `natsURL ${shown} is no address, ${examples}`);
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notAnAddress(text);
  }
}

function readUrl(text: string): { server: NatsServer; user: string; password: string; scheme: string } {
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase() ?? "nats";
  const defaults = schemes[scheme];
  const rest = text.replace(/^[a-z]+:\/\//i, "");
  if (defaults === undefined || !URL.canParse(`http://${rest}`)) throw notAnAddress(text);
  const { hostname, username, password } = new URL(`http://${rest}`);
  // The standard port of http would be left out by the parser.
  const port = /:(\d+)(?:[/?#].*)?$/.exec(rest)?.[1];
  const host = hostname.replace(/^\[|\]$/g, "");
  const server = { ...defaults, host, port: port === undefined ? defaults.port : Number(port) };
  return { server, user: decoded(text, username), password: decoded(text, password), scheme };
}

/** Reads the addresses between commas. Throws DriverError "badMetadata" that names the field. */
export function readNatsServers(natsUrl: string): NatsServers {
  const texts = natsUrl
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "");
  const urls = texts.map(readUrl);
  const [first] = urls;
  if (first === undefined) throw new DriverError("badMetadata", "missing nats URL");
  if (urls.some(({ server }) => server.transport !== first.server.transport))
    throw new DriverError(
      "badMetadata",
      "natsURL mixes addresses of WebSockets with others, a connection uses one kind",
    );
  const named = urls.find(({ user }) => user !== "");
  return {
    servers: urls.map(({ server }) => server),
    text: urls.map(({ server, scheme }) => `${scheme}://${hostAndPort(server)}`).join(","),
    credentials:
      named === undefined
        ? undefined
        : named.password === ""
          ? { token: named.user }
          : { user: named.user, password: named.password },
  };
}
