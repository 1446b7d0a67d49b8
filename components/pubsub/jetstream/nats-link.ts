import type { Authenticator, ConnectionOptions, Msg, MsgHdrs, NatsConnection } from "nats.ws";
import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { hostAndPort, type NatsServers } from "./nats-servers.ts";
import { dialNats, type NatsTls } from "./socket.ts";

/** A message as the server sent it. */
export type NatsMessage = Pick<Msg, "subject" | "reply" | "data" | "headers">;

/** A connection that is made again for ever after a loss. What is sent while it is down is lost. */
export interface NatsLink {
  readonly isUp: boolean;
  /** The addresses that the component names, without credentials. */
  readonly address: string;
  /** The largest message that the server takes, in bytes. */
  readonly maxPayload: number;
  newHeaders(): MsgHdrs;
  newInbox(): string;
  publish(subject: string, data: Uint8Array, options?: { reply?: string; headers?: MsgHdrs }): void;
  /** The answer ends it after all that the server had sent for it was handled. */
  subscribe(subject: string, handle: (message: NatsMessage) => void, queue?: string): () => Promise<void>;
  /** Resolves when the server has all that was sent before; rejects when the connection is lost first. */
  flush(): Promise<void>;
  /** Calls back each time the connection was made again. The answer ends that. */
  onUp(listener: () => void): () => void;
  /** Calls back when the server refuses what was sent to a subject. The answer ends that. */
  onRefused(listener: (subject: string) => void): () => void;
  close(): Promise<void>;
}

/** How to introduce ourselves, and the fields of the component that say it. */
export type NatsCredentials =
  | { readonly kind: "none" | "certificate" }
  | { readonly kind: "jwt"; readonly jwt: string; readonly seed: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "password"; readonly user: string; readonly password: string };

export interface NatsLinkSettings {
  readonly servers: NatsServers;
  readonly credentials: NatsCredentials;
  readonly tls: NatsTls;
  /** What the server calls this connection. */
  readonly name: string;
}

const fieldsOf: Readonly<Record<NatsCredentials["kind"], string>> = {
  none: "natsURL, token, or jwt and seedKey",
  certificate: "tls_client_cert and tls_client_key",
  jwt: "jwt and seedKey",
  token: "token",
  password: "the user and password in natsURL",
};

const graceMs = 200;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

type NatsLibrary = typeof import("nats.ws");

function authenticatorOf(library: NatsLibrary, credentials: NatsCredentials): Authenticator | undefined {
  if (credentials.kind === "jwt")
    return library.jwtAuthenticator(credentials.jwt, new TextEncoder().encode(credentials.seed));
  if (credentials.kind === "token") return library.tokenAuthenticator(credentials.token);
  if (credentials.kind === "password")
    return library.usernamePasswordAuthenticator(credentials.user, credentials.password);
  return undefined;
}

function failure(settings: NatsLinkSettings, cause: unknown, lastEnd: string): DriverError {
  const isVague = (cause as { code?: string }).code === "TIMEOUT" && lastEnd !== "";
  const text = isVague ? lastEnd : textOf(cause);
  const where = `connecting to NATS at ${JSON.stringify(settings.servers.text)} failed`;
  if (/authorization|authentication/i.test(text) || (cause as { code?: string }).code === "AUTHORIZATION_VIOLATION")
    return new DriverError("unauthorized", `${where}: ${text}, check ${fieldsOf[settings.credentials.kind]}`, {
      cause,
    });
  const hint = /certificate|self.signed|unable to verify|issuer/i.test(text) ? ", check caCert" : ", check natsURL";
  return new DriverError("unavailable", `${where}: ${text}${hint}`, { cause });
}

/** Connects. Rejects with DriverError "unavailable" or "unauthorized" when none of the servers takes the connection. */
export async function openNats(settings: NatsLinkSettings, context: DriverContext): Promise<NatsLink> {
  const { platform, clock, log, signal } = context;
  const { servers, tls } = settings;
  const { tcp } = platform;
  if (tcp === undefined)
    throw new DriverError(
      "unsupported",
      `pubsub.jetstream needs TCP connections, which the ${platform.name} runtime does not give`,
    );
  const library = await import("nats.ws");
  const [first] = servers.servers;
  const known = new Map(servers.servers.map((server) => [hostAndPort(server), server]));
  const authenticator = authenticatorOf(library, settings.credentials);
  const early = Promise.withResolvers<never>();
  let lastEnd = "";
  let ends = 0;
  let isOpen = false;
  const ended = (reason: string): void => {
    lastEnd = reason;
    ends += 1;
    // The library does not notice when a server closes before it has greeted; what it does notice it tells sooner.
    if (!isOpen && ends >= servers.servers.length) clock.after(graceMs, () => early.reject(new Error(reason)));
  };
  const options: ConnectionOptions & { wsFactory: (url: string) => Promise<object> } = {
    name: settings.name,
    servers: servers.servers.map((server) => `ws://${hostAndPort(server)}`),
    ...(authenticator === undefined ? {} : { authenticator }),
    ignoreAuthErrorAbort: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    timeout: 5000,
    // A connection that leads nowhere is noticed after the third unanswered ping.
    pingInterval: 4000,
    maxPingOut: 2,
    noAsyncTraces: true,
    async wsFactory(url) {
      const { hostname, port } = new URL(url);
      const place = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) };
      // A server that the others told of is reached in the way of the first.
      const server = known.get(hostAndPort(place)) ?? { ...first!, ...place };
      const socket = await dialNats({ tcp, random: platform.random, tls, ended }, server);
      return { socket, encrypted: false };
    },
  };
  let connection: NatsConnection;
  let isOver = false;
  try {
    const connecting = library.connect(options);
    const aborted = new Promise<never>((_, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
    });
    void connecting.then(
      (late) => {
        if (isOver) void late.close();
      },
      () => undefined,
    );
    connection = await Promise.race([connecting, aborted, early.promise]);
    isOpen = true;
  } catch (cause) {
    isOver = true;
    throw failure(settings, cause, lastEnd);
  }
  return linkOf(library, connection, servers.text, log);
}

function linkOf(
  library: NatsLibrary,
  connection: NatsConnection,
  address: string,
  log: DriverContext["log"],
): NatsLink {
  const listeners = new Set<() => void>();
  const refusals = new Set<(subject: string) => void>();
  let isUp = true;
  let isClosed = false;

  async function watch(): Promise<void> {
    for await (const { type, data, permissionContext: refused } of connection.status()) {
      if (type === library.Events.Disconnect && isUp) {
        isUp = false;
        if (!isClosed) log.warn(`Lost the connection to NATS at ${address}`);
      } else if (type === library.Events.Reconnect) {
        isUp = true;
        log.info(`Connected to NATS at ${address} again`);
        for (const listener of [...listeners]) listener();
      } else if (type === library.Events.Error) {
        const what = refused === undefined ? "" : `, ${refused.operation} to ${JSON.stringify(refused.subject)}`;
        log.warn(`NATS at ${address} reports: ${String(data)}${what}`);
        if (refused?.operation === "publish") for (const listener of [...refusals]) listener(refused.subject);
      }
    }
  }
  void watch();

  return {
    address,
    get isUp() {
      return isUp && !isClosed;
    },
    get maxPayload() {
      return connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    },
    newHeaders: () => library.headers(),
    newInbox: () => library.createInbox(),
    publish(subject, data, given) {
      if (!isClosed) connection.publish(subject, data, given);
    },
    subscribe(subject, handle, queue) {
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) handle(message);
        },
        ...(queue === undefined || queue === "" ? {} : { queue }),
      });
      return async () => {
        if (isUp && !isClosed) await subscription.drain().catch(() => undefined);
        else subscription.unsubscribe();
      };
    },
    flush: () => connection.flush(),
    onUp(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onRefused(listener) {
      refusals.add(listener);
      return () => void refusals.delete(listener);
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      listeners.clear();
      refusals.clear();
      await connection.close();
    },
  };
}
