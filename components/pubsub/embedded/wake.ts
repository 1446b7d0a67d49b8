import type { Clock } from "../../../src/kit/clock.ts";
import type { Platform, UdpSocket } from "../../../src/platform/types.ts";

/** Tells other processes of this machine that a topic has news, by a datagram on loopback. */
export interface Wake {
  /** Starts to listen; the port is 0 where the host has no UDP, and others then notice commits by themselves within a second. */
  listen(): Promise<number>;
  /** Something new is on disk. Datagrams of a moment go together. */
  notify(topic: number): void;
  /** Sends what is due, then stops. */
  close(): Promise<void>;
}

export interface WakePorts {
  readonly udp: Platform["udp"];
  readonly clock: Pick<Clock, "after" | "monotonic">;
  /** Ports of those who listen to the topic. */
  peers(topic: number): readonly number[];
  woken(topic: number): void;
}

const HOST = "127.0.0.1";
/** `PLN1`: whatever else arrives at the port is not for us. */
const MARK = 0x504c4e31;
const PAUSE_MS = 1;
const LINGER_MS = 50;
/** How long it is taken for known who listens, in milliseconds. Who is new looks for messages once more after it. */
export const PEERS_KNOWN_MS = 250;

function encode(topic: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MARK);
  view.setUint32(4, topic);
  return bytes;
}

function decode(data: Uint8Array): number | undefined {
  if (data.length !== 8) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, 8);
  return view.getUint32(0) === MARK ? view.getUint32(4) : undefined;
}

/** The wake-ups of one component instance. */
export function createWake({ udp, clock, peers, woken }: WakePorts): Wake {
  let socket: Promise<UdpSocket | undefined> | undefined;
  let isClosed = false;
  const news = new Set<number>();
  const known = new Map<number, { readonly ports: readonly number[]; readonly at: number }>();
  let isDue = false;
  let sentAt = Number.NEGATIVE_INFINITY;

  function open(): Promise<UdpSocket | undefined> {
    socket ??=
      udp === undefined
        ? Promise.resolve(undefined)
        : udp({
            host: HOST,
            port: 0,
            onMessage(data) {
              const topic = decode(data);
              if (topic !== undefined && !isClosed) woken(topic);
            },
          }).catch(() => undefined);
    return socket;
  }
  function knownPorts(topic: number, now: number): readonly number[] | undefined {
    const found = known.get(topic);
    return found !== undefined && now - found.at < PEERS_KNOWN_MS ? found.ports : undefined;
  }
  function portsOf(topic: number): readonly number[] {
    const found = knownPorts(topic, sentAt);
    if (found !== undefined) return found;
    const ports = peers(topic);
    known.set(topic, { ports, at: sentAt });
    return ports;
  }
  async function send(): Promise<void> {
    isDue = false;
    sentAt = clock.monotonic();
    const letters = [...news].map((topic) => [topic, portsOf(topic)] as const);
    news.clear();
    if (isClosed || letters.every(([, ports]) => ports.length === 0)) return;
    const opened = await open();
    for (const [topic, ports] of letters) for (const port of ports) opened?.send(encode(topic), HOST, port);
  }

  return {
    listen: async () => (await open())?.port ?? 0,
    notify(topic) {
      if (udp === undefined || isClosed) return;
      const now = clock.monotonic();
      if (knownPorts(topic, now)?.length === 0) return;
      news.add(topic);
      if (isDue) return;
      isDue = true;
      const due = sentAt + PAUSE_MS - now;
      if (due > 0) clock.after(due, () => void send());
      else queueMicrotask(() => void send());
    },
    async close() {
      if (news.size > 0) await send();
      isClosed = true;
      const opened = await socket;
      // What was handed to the socket is on its way only some turns later.
      if (opened !== undefined) clock.after(LINGER_MS, () => opened.close());
    },
  };
}
