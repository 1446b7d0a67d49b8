import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { parseDurationOrSeconds } from "../../../src/kit/duration.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import type { Decoded } from "../../../src/kit/schema/metadata.ts";
import type { NatsCredentials, NatsLinkSettings } from "./nats-link.ts";
import { readNatsServers } from "./nats-servers.ts";
import type { NatsTls } from "./socket.ts";

/** The metadata of `pubsub.jetstream`. */
export const jetstreamMetadata = {
  natsURL: m
    .text()
    .required("missing nats URL")
    .help(
      "Addresses with commas between: `nats://host:4222`, or `tls://`, `ws://`, `wss://`; `user:password@` before the host",
    ),
  name: m.text().default("dapr.io - pubsub.jetstream").help("What the server calls the connection"),
  jwt: m.secret().help("JWT of the user; needs `seedKey`"),
  seedKey: m.secret().help("Seed of the user's key; needs `jwt`"),
  token: m.secret().help("Token"),
  tls_client_cert: m.text().help("Path of the certificate that we show, or its PEM"),
  tls_client_key: m.secret().help("Path of its private key, or its PEM"),
  caCert: m
    .text()
    .alias("tls_ca_cert")
    .help("Path or PEM of the authority that signed the server's certificate; absent: those of the system"),
  streamName: m.text().default("").help("The stream to subscribe to; absent: the one that stores the topic"),
  durableName: m
    .text()
    .default("")
    .help("Name of a consumer that remembers its place, shared by all instances. Absent: each start begins anew"),
  queueGroupName: m
    .text()
    .default("")
    .help("Instances of one group share the messages; without `durableName` it names the consumer too"),
  startSequence: m.integer().default(0).help("Where `deliverPolicy` sequence begins"),
  startTime: m.integer().help("Where `deliverPolicy` time begins, in seconds since 1970"),
  deliverPolicy: m.text().default("all").help("`all`, `last`, `new`, `sequence` or `time`"),
  ackPolicy: m.text().default("explicit").help("`explicit`, `all` or `none`"),
  ackWait: m
    .duration()
    .help("After so long without an acknowledgement a message comes again; failed ones wait as long"),
  maxDeliver: m.integer().default(0).help("Deliveries of one message; 0: no limit"),
  backOff: m.list().help("Waits before redeliveries, such as `1s,5s,30s`"),
  maxAckPending: m.integer().default(0).help("Most messages that are not acknowledged; 0: the server's 1000"),
  replicas: m.integer().default(0).help("Copies of the consumer's state; 0: as many as of the stream"),
  memoryStorage: m.flag().default(false).help("Keeps the consumer's state in memory"),
  rateLimit: m.integer().default(0).help("Most bits per second to a subscription; 0: no limit"),
  heartbeat: m.duration().help("How often the server shows that it is there while there are no messages; absent: 5s"),
  flowControl: m.flag().default(false).help("Accepted; messages are fetched as they can be handled, in any case"),
  domain: m.text().default("").help("JetStream's domain"),
  apiPrefix: m.text().default("").help("Subjects of JetStream's API begin with it, where not with `$JS.API`"),
  concurrency: m
    .text()
    .alias("concurrencyMode")
    .default("single")
    .help("`single`: one message at a time, in order; `parallel`: as many as `maxAckPending`"),
};

/** What a component wants of its consumers. Times are milliseconds. */
export interface JetStreamSettings {
  readonly prefix: string;
  readonly streamName: string;
  readonly durableName: string;
  readonly queueGroupName: string;
  readonly startSequence: number;
  readonly startTime: number | undefined;
  readonly deliverPolicy: string;
  readonly ackPolicy: "explicit" | "all" | "none";
  readonly ackWait: number | undefined;
  readonly maxDeliver: number;
  readonly backOff: readonly number[];
  readonly maxAckPending: number;
  readonly replicas: number;
  readonly memoryStorage: boolean;
  readonly rateLimit: number;
  readonly heartbeat: number;
  readonly isSingle: boolean;
  /** Whether the component says so itself. */
  readonly saysDeliverPolicy: boolean;
}

type Metadata = Decoded<typeof jetstreamMetadata>;

const bad = (message: string): DriverError => new DriverError("badMetadata", message);
const policies: Readonly<Record<string, string>> = {
  all: "all",
  "": "all",
  last: "last",
  new: "new",
  sequence: "by_start_sequence",
  time: "by_start_time",
};

async function pemOf(field: string, value: string | undefined, files: DriverContext["platform"]["files"]) {
  if (value === undefined || value === "" || value.includes("-----BEGIN ")) return value || undefined;
  if (files === undefined) throw bad(`${field}: this runtime reads no files, give the PEM itself`);
  return files.readText(value).catch((cause) => {
    throw new DriverError("badMetadata", `${field}: reading ${JSON.stringify(value)} failed: ${cause.message}`, {
      cause,
    });
  });
}

function credentialsOf(
  metadata: Metadata,
  fromUrl: { user: string; password: string } | { token: string } | undefined,
) {
  const { jwt, seedKey, token } = metadata;
  const has = (text: string | undefined): text is string => text !== undefined && text !== "";
  if (has(jwt) && has(seedKey)) return { kind: "jwt", jwt, seed: seedKey.trim() } satisfies NatsCredentials;
  if (has(metadata.tls_client_cert)) return { kind: "certificate" } satisfies NatsCredentials;
  if (has(token)) return { kind: "token", token } satisfies NatsCredentials;
  if (fromUrl === undefined) return { kind: "none" } satisfies NatsCredentials;
  return { kind: "token" in fromUrl ? "token" : "password", ...fromUrl } as NatsCredentials;
}

/** What the connection needs. Rejects with DriverError "badMetadata" that names the field. */
export async function readLinkSettings(metadata: Metadata, context: DriverContext): Promise<NatsLinkSettings> {
  const { jwt, seedKey, tls_client_cert: certificate, tls_client_key: key } = metadata;
  if (jwt && !seedKey) throw bad("missing seed key");
  if (!jwt && seedKey) throw bad("missing jwt");
  if (certificate && !key) throw bad("missing tls client key");
  if (!certificate && key) throw bad("missing tls client cert");
  const servers = readNatsServers(metadata.natsURL);
  const { files } = context.platform;
  const [ca, cert, secret] = [
    await pemOf("caCert", metadata.caCert, files),
    await pemOf("tls_client_cert", certificate, files),
    await pemOf("tls_client_key", key, files),
  ];
  const tls: NatsTls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(secret === undefined ? {} : { key: secret }),
  };
  return { servers, tls, credentials: credentialsOf(metadata, servers.credentials), name: metadata.name };
}

function backOffOf(words: readonly string[] | undefined): readonly number[] {
  return (words ?? []).map((word) => {
    try {
      return parseDurationOrSeconds(word);
    } catch (cause) {
      throw new DriverError(
        "badMetadata",
        `backOff: ${JSON.stringify(word)} is not a duration, write for example 1s,5s`,
        {
          cause,
        },
      );
    }
  });
}

function checkName(field: string, name: string): void {
  if (/[\s.*>/\\]/.test(name))
    throw bad(`${field} ${JSON.stringify(name)} holds a character that names in NATS cannot have: space . * > / \\`);
}

/** What the consumers need. Throws DriverError "badMetadata" that names the field. */
export function readJetStreamSettings(metadata: Metadata, raw: ReadonlyMap<string, string>): JetStreamSettings {
  const policy = metadata.deliverPolicy;
  const deliverPolicy = policies[policy];
  if (deliverPolicy === undefined) throw bad(`deliver policy ${policy} is not one of: all, last, new, sequence, time`);
  const { durableName, queueGroupName, streamName, domain, apiPrefix, concurrency, ackPolicy, heartbeat } = metadata;
  for (const [field, name] of Object.entries({ durableName, queueGroupName, streamName })) checkName(field, name);
  if (concurrency !== "single" && concurrency !== "parallel") throw bad(`invalid concurrencyMode ${concurrency}`);
  for (const field of ["startSequence", "maxDeliver", "maxAckPending", "replicas", "rateLimit"] as const)
    if (metadata[field] < 0 && field !== "maxDeliver" && field !== "maxAckPending")
      throw bad(`${field} ${metadata[field]} is less than 0`);
  if (deliverPolicy === "by_start_sequence" && metadata.startSequence === 0)
    throw bad("deliverPolicy sequence needs startSequence");
  if (deliverPolicy === "by_start_time" && metadata.startTime === undefined)
    throw bad("deliverPolicy time needs startTime");
  return {
    ...metadata,
    deliverPolicy,
    prefix: apiPrefix !== "" ? apiPrefix.replace(/\.+$/, "") : domain !== "" ? `$JS.${domain}.API` : "$JS.API",
    backOff: backOffOf(metadata.backOff),
    // compat: pubsub/jetstream/metadata.go of components-contrib takes any other word for explicit
    ackPolicy: ackPolicy === "all" || ackPolicy === "none" ? ackPolicy : "explicit",
    ackWait: metadata.ackWait || undefined,
    heartbeat: heartbeat || 5000,
    isSingle: concurrency === "single",
    saysDeliverPolicy: [...raw.keys()].some((key) => key.toLowerCase() === "deliverpolicy"),
  };
}
