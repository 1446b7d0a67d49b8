import type { MulticastPacket, MulticastRecord } from "multicast-dns";

/** One app as it is announced. Names carry no escapes: dots in them separate labels, as upstream has it. */
export interface MdnsEntry {
  readonly appId: string;
  /** `HOST:PID`. */
  readonly instance: string;
  /** Name of this host. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** Seconds for which others may keep a record. */
const ttl = 3200;
const enumeration = "_services._dns-sd._udp.local";

/** Name that stands for an app: its id alone, without a protocol. */
export function serviceName(appId: string): string {
  return `${appId}.local`;
}

interface Records {
  readonly ptr: MulticastRecord;
  readonly srv: MulticastRecord;
  readonly txt: MulticastRecord;
  readonly list: MulticastRecord;
  readonly address: MulticastRecord;
}

function recordsOf(entry: MdnsEntry, seconds: number, flush: boolean): Records {
  const service = serviceName(entry.appId);
  const name = `${entry.instance}.${service}`;
  const target = `${entry.host}.local`;
  const common = { ttl: seconds, class: "IN" };
  return {
    ptr: { ...common, name: service, type: "PTR", data: name },
    srv: { ...common, flush, name, type: "SRV", data: { priority: 0, weight: 0, port: entry.port, target } },
    txt: { ...common, flush, name, type: "TXT", data: [entry.appId] },
    list: { ...common, name: enumeration, type: "PTR", data: service },
    address: {
      ...common,
      flush,
      name: target,
      type: entry.address.includes(":") ? "AAAA" : "A",
      data: entry.address,
    },
  };
}

/** The answer to a query, or undefined when it asks for nothing of the entry. */
export function answerTo(query: MulticastPacket, entry: MdnsEntry): MulticastPacket | undefined {
  // A probe of somebody else carries records of its own.
  if ((query.authorities ?? []).length > 0) return undefined;
  const service = serviceName(entry.appId);
  for (const question of query.questions ?? []) {
    const base = { type: "response", flags: 0, id: query.id ?? 0, questions: [question] } as const;
    if (question.name === service) {
      const { ptr, srv, txt, address } = recordsOf(entry, ttl, false);
      return { ...base, answers: [ptr], additionals: [srv, txt, address] };
    }
    if (question.name === `${entry.instance}.${service}`) return { ...base, answers: fullAnswers(entry, ttl, true) };
    if (question.name === enumeration) return { ...base, answers: [recordsOf(entry, ttl, false).list] };
  }
  return undefined;
}

/** What is told without being asked: at the start, and with `isGoodbye` at the end. */
export function announcementOf(entry: MdnsEntry, isGoodbye: boolean): MulticastPacket {
  return {
    type: "response",
    flags: 0,
    id: 0,
    questions: [],
    answers: fullAnswers(entry, isGoodbye ? 0 : ttl, !isGoodbye),
  };
}

function fullAnswers(entry: MdnsEntry, seconds: number, flush: boolean): MulticastRecord[] {
  const { srv, txt, ptr, list, address } = recordsOf(entry, seconds, flush);
  return [srv, txt, ptr, list, address];
}

/** An address of an app that a packet tells of. */
export interface Sighting {
  readonly appId: string;
  /** `host:port`, IPv6 in brackets. */
  readonly address: string;
  readonly family: 4 | 6;
  /** The app says goodbye. */
  readonly isGone: boolean;
}

/** The addresses in a packet of the apps that are asked for. All records of one have to be in this packet. */
export function sightingsIn(packet: MulticastPacket, isWanted: (appId: string) => boolean): Sighting[] {
  const records = [...(packet.answers ?? []), ...(packet.authorities ?? []), ...(packet.additionals ?? [])];
  const found: Sighting[] = [];
  for (const { name, type, data, ttl: seconds } of records) {
    if (type !== "PTR" || typeof data !== "string" || !name.endsWith(".local")) continue;
    const appId = name.slice(0, -".local".length);
    if (!isWanted(appId)) continue;
    const txt = records.find((record) => record.type === "TXT" && record.name === data);
    const srv = records.find((record) => record.type === "SRV" && record.name === data);
    const service = srv?.data;
    if (txt === undefined || firstText(txt.data) !== appId || !isService(service)) continue;
    for (const [kind, family] of families) {
      const host = records.find((record) => record.type === kind && record.name === service.target);
      if (typeof host?.data !== "string") continue;
      const address = `${family === 6 ? `[${host.data}]` : host.data}:${service.port}`;
      found.push({ appId, address, family, isGone: seconds === 0 });
    }
  }
  return found;
}

const families = [
  ["A", 4],
  ["AAAA", 6],
] as const;

function isService(data: unknown): data is { readonly port: number; readonly target: string } {
  if (typeof data !== "object" || data === null || !("port" in data) || !("target" in data)) return false;
  return typeof data.port === "number" && typeof data.target === "string";
}

function firstText(data: unknown): string | undefined {
  const first: unknown = Array.isArray(data) ? data[0] : data;
  if (typeof first === "string") return first;
  return first instanceof Uint8Array ? new TextDecoder().decode(first) : undefined;
}
