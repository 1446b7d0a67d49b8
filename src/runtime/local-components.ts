import type { ComponentResource, PropertyItem } from "../host/component.ts";

/** Component types that live on a server, and the embedded type that can stand in for each on one machine. */
const standIns: Readonly<
  Record<string, { readonly type: string; readonly address: readonly string[]; readonly keeps: readonly string[] }>
> = {
  "state.redis": {
    type: "state.sqlite",
    address: ["redishost"],
    keeps: ["keyprefix", "actorstatestore", "primaryencryptionkey", "secondaryencryptionkey"],
  },
  "pubsub.redis": { type: "pubsub.embedded", address: ["redishost"], keeps: ["consumerid"] },
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

function splitAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\w+:\/\/)?(?:[^@]*@)?\[?([^\]:]+|::1)\]?(?::(\d+))?$/.exec(text.trim());
  if (match === null) return undefined;
  return { host: match[1] ?? "", port: Number(match[2] ?? 6379) };
}

const settingOf = (metadata: readonly PropertyItem[], key: string): string | undefined =>
  metadata.find((item) => item.name.toLowerCase() === key)?.value;

/** Those components whose only server is a loopback address and which the embedded engine could serve. */
export function localServers<R extends ComponentResource>(resources: readonly R[]): LocalServer<R>[] {
  return resources.flatMap((resource) => {
    const standIn = standIns[resource.type.toLowerCase()];
    const raw = standIn?.address
      .map((key) => settingOf(resource.metadata, key))
      .find((value) => value !== undefined && value !== "");
    const address = raw === undefined || raw.includes(",") ? undefined : splitAddress(raw);
    return address !== undefined && isLoopback(address.host) ? [{ resource, ...address }] : [];
  });
}

/** The same component on the embedded engine: name and API stay, the server's settings go. */
export function onEmbeddedEngine(resource: ComponentResource, dataDir: string): ComponentResource {
  const standIn = standIns[resource.type.toLowerCase()];
  if (standIn === undefined) return resource;
  const kept = resource.metadata.filter((item) => standIn.keeps.includes(item.name.toLowerCase()));
  const place: PropertyItem =
    standIn.type === "state.sqlite"
      ? { name: "connectionString", value: `${dataDir}/pillion.db` }
      : { name: "path", value: `${dataDir}/pillion.db` };
  const table: PropertyItem[] =
    standIn.type === "state.sqlite"
      ? [
          { name: "tableName", value: tableOf(resource.name) },
          { name: "metadataTableName", value: `${tableOf(resource.name)}_metadata` },
        ]
      : [];
  return { ...resource, type: standIn.type, version: "v1", metadata: [...kept, place, ...table] };
}

/** A table of its own for each replaced store, so that two Redis stores stay two stores; letters and digits only. */
function tableOf(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9]/g, "_");
  return name === "statestore" ? "state" : `state_${plain}`;
}
