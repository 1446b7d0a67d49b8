import type { ComponentResource, PropertyItem } from "../host/component.ts";

type Setting = (key: string) => string | undefined;

/** A component type that lives on a server, and what stands in for it on one machine. */
interface StandIn {
  readonly type: "state.sqlite" | "pubsub.embedded";
  /** Properties that name the server, the first that has a value counts; with several servers there are commas between. */
  readonly address: readonly string[];
  readonly port: number;
  /** Properties of the stand-in that come from those of the server's component. */
  readonly settings?: (of: Setting) => Readonly<Record<string, string | undefined>>;
}

/** The properties that the runtime reads, whatever the store or broker is. Lower case. */
const runtimeProperties: Readonly<Record<StandIn["type"], readonly string[]>> = {
  "state.sqlite": [
    "keyprefix",
    "actorstatestore",
    "primaryencryptionkey",
    "secondaryencryptionkey",
    "outboxpublishpubsub",
    "outboxpublishtopic",
    "outboxpubsub",
    "outboxdiscardwhenmissingstate",
  ],
  "pubsub.embedded": ["allowedtopics", "publishingscopes", "subscriptionscopes", "protectedtopics"],
};

const mqtt: StandIn = { type: "pubsub.embedded", address: ["url"], port: 1883 };
const standIns: Readonly<Record<string, StandIn>> = {
  "state.redis": {
    type: "state.sqlite",
    address: ["redishost"],
    port: 6379,
    // Programs for Redis know that a new key has the ETag 1, samples of the SDKs among them.
    settings: () => ({ countsWrites: "true" }),
  },
  "pubsub.redis": {
    type: "pubsub.embedded",
    address: ["redishost"],
    port: 6379,
    settings: (of) => ({ consumerID: of("consumerid") }),
  },
  "pubsub.jetstream": {
    type: "pubsub.embedded",
    address: ["natsurl"],
    port: 4222,
    settings: (of) => ({
      consumerID: of("durablename") ?? of("queuegroupname"),
      concurrencyMode: of("concurrency") ?? of("concurrencymode") ?? "single",
    }),
  },
  "pubsub.kafka": {
    type: "pubsub.embedded",
    address: ["brokers"],
    port: 9092,
    settings: (of) => ({ consumerID: of("consumergroup") ?? of("consumerid") }),
  },
  "pubsub.rabbitmq": {
    type: "pubsub.embedded",
    address: ["connectionstring", "host", "hostname"],
    port: 5672,
    settings: (of) => ({ consumerID: of("consumerid"), concurrencyMode: of("concurrencymode") }),
  },
  "pubsub.mqtt": mqtt,
  "pubsub.mqtt3": mqtt,
};

/** A component that names a server on this machine. */
export interface LocalServer<R extends ComponentResource = ComponentResource> {
  readonly resource: R;
  readonly host: string;
  readonly port: number;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

function splitAddress(text: string, port: number): { host: string; port: number } | undefined {
  const match = /^(?:\w+:\/\/)?(?:[^@]*@)?\[?([^\]:/?]+|::1)\]?(?::(\d+))?(?:[/?].*)?$/.exec(text.trim());
  return match === null ? undefined : { host: match[1] ?? "", port: Number(match[2] ?? port) };
}

function settingOf(metadata: readonly PropertyItem[]): Setting {
  return (key) => metadata.find((item) => item.name.toLowerCase() === key)?.value || undefined;
}

/** Those components whose servers are all on this machine and which the embedded engine could serve, with the first server of each. */
export function localServers<R extends ComponentResource>(resources: readonly R[]): LocalServer<R>[] {
  return resources.flatMap((resource) => {
    const standIn = standIns[resource.type.toLowerCase()];
    if (standIn === undefined) return [];
    const of = settingOf(resource.metadata);
    const raw = standIn.address.map(of).find((value) => value !== undefined) ?? "";
    const addresses = raw.split(",").map((text) => splitAddress(text, standIn.port));
    const [first] = addresses;
    const isHere = addresses.every((address) => address !== undefined && isLoopback(address.host));
    return first !== undefined && isHere ? [{ resource, ...first }] : [];
  });
}

/** The same component on the embedded engine: name, API and what the runtime reads stay, the server's settings go. */
export function onEmbeddedEngine(resource: ComponentResource, dataDir: string): ComponentResource {
  const standIn = standIns[resource.type.toLowerCase()];
  if (standIn === undefined) return resource;
  const { type, settings } = standIn;
  const kept = resource.metadata.filter((item) => runtimeProperties[type].includes(item.name.toLowerCase()));
  const file = `${dataDir}/pillion.db`;
  const properties: Readonly<Record<string, string | undefined>> =
    type === "pubsub.embedded"
      ? { path: file, ...settings?.(settingOf(resource.metadata)) }
      : {
          connectionString: file,
          tableName: tableOf(resource.name),
          metadataTableName: `${tableOf(resource.name)}_metadata`,
          ...settings?.(settingOf(resource.metadata)),
        };
  const own = Object.entries(properties).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  return { ...resource, type, version: "v1", metadata: [...kept, ...own] };
}

/** A table of its own for each replaced store, so that two Redis stores stay two stores; letters and digits only. */
function tableOf(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9]/g, "_");
  return name === "statestore" ? "state" : `state_${plain}`;
}
