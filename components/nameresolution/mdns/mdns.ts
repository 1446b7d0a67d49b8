import type { MulticastPacket } from "multicast-dns";
import type { DriverContext } from "../../../src/driver/context.ts";
import { defineNameResolver } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Announcement, NameResolver } from "../../../src/driver/nameresolution.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { announcementOf, answerTo, type MdnsEntry, serviceName, sightingsIn } from "./records.ts";
import { Sightings } from "./sightings.ts";
import { type MdnsSockets, openMdnsSockets } from "./sockets.ts";

/** How long a look-up of an unknown app waits for an answer. */
const browseMs = 1000;
/** Questions of one look-up, in milliseconds from its start: datagrams get lost. */
const askAtMs = [0, 60, 250, 600];
const refreshMs = 30_000;
const announceAgainMs = 1000;

/** Names by multicast DNS, in upstream's way: its sidecars and ours find each other. */
export default defineNameResolver({
  type: "nameresolution.mdns",
  versions: ["v1"],
  status: "stable",
  summary: "Addresses of apps by multicast DNS on the local network",
  needs: ["udp"],
  metadata: {
    port: m.integer().default(5353).help("UDP port; another one is heard only by resolvers with the same setting"),
    interfaces: m.text().default("").help("IPv4 addresses of the interfaces, comma separated; default: all"),
  },
  open: async ({ port, interfaces }, context) => createMdns(port, listOf(interfaces), context),
});

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function createMdns(port: number, chosen: readonly string[], context: DriverContext): NameResolver {
  const { clock, log, platform } = context;
  const sightings = new Sightings(clock);
  const entries = new Set<MdnsEntry>();
  const browsing = new Map<string, Promise<void>>();
  let sockets: Promise<MdnsSockets> | undefined;
  let stopRefresh: (() => void) | undefined;
  let isClosed = false;

  const open = (): Promise<MdnsSockets> => {
    if (isClosed) throw new DriverError("closed", "multicast DNS is closed");
    // Loopback is one of them: apps of one host find each other without any network.
    const all = [
      "127.0.0.1",
      ...(platform.process?.addresses() ?? []).filter((one) => one.family === 4).map((one) => one.address),
    ];
    sockets ??= openMdnsSockets(
      { interfaces: chosen.length > 0 ? chosen : all, port },
      {
        onQuery(packet, reply) {
          for (const entry of entries) {
            const answer = answerTo(packet, entry);
            if (answer !== undefined) reply(answer);
          }
        },
        onResponse(packet) {
          for (const sighting of sightingsIn(packet, (appId) => sightings.isWanted(appId))) sightings.take(sighting);
        },
      },
    ).catch((cause: unknown) => {
      sockets = undefined;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DriverError("unavailable", reason, { cause });
    });
    return sockets;
  };

  const ask = (opened: MdnsSockets, appId: string): Promise<void> =>
    opened.send({
      type: "query",
      id: Math.floor(context.random.fraction() * 0x10000),
      flags: 0,
      questions: [{ name: serviceName(appId), type: "PTR", class: "IN" }],
    });

  /** Asks a few times and resolves with the first answer, or after a second without one. */
  const browse = async (appId: string): Promise<void> => {
    const opened = await open();
    await new Promise<void>((resolve) => {
      // Those after the first answer find further instances.
      for (const ms of askAtMs) clock.after(ms, () => void ask(opened, appId));
      const finish = () => {
        over();
        unwait();
        resolve();
      };
      const over = clock.after(browseMs, finish);
      const unwait = sightings.wait(appId, finish);
    });
  };

  const refresh = async (): Promise<void> => {
    stopRefresh = undefined;
    const known = sightings.refreshable();
    if (known.length === 0 || isClosed) return;
    stopRefresh = clock.after(refreshMs, () => void refresh());
    try {
      const opened = await open();
      for (const appId of known) await ask(opened, appId);
    } catch (error) {
      log.debug(`Refreshing names failed: ${error}`);
    }
  };

  return {
    isFresh: true,
    async register(self) {
      const entry = entryOf(self, context);
      for (const other of entries) {
        if (other.appId !== entry.appId || other.port !== entry.port) continue;
        throw new DriverError("failed", `app id ${entry.appId} already registered for port ${entry.port}`);
      }
      const opened = await open();
      entries.add(entry);
      const tell = (packet: MulticastPacket) => opened.send(packet);
      await tell(announcementOf(entry, false));
      const again = clock.after(announceAgainMs, () => void tell(announcementOf(entry, false)));
      return async () => {
        again();
        if (entries.delete(entry)) await tell(announcementOf(entry, true));
      };
    },

    known: ({ appId }) => sightings.ask(appId),

    async resolve({ appId }, signal) {
      const cached = sightings.ask(appId);
      if (cached.length > 0) return cached;
      let started = browsing.get(appId);
      if (started === undefined) {
        started = browse(appId).finally(() => browsing.delete(appId));
        browsing.set(appId, started);
      }
      await orAborted(started, signal);
      stopRefresh ??= clock.after(refreshMs, () => void refresh());
      const found = sightings.ask(appId);
      if (found.length === 0) throw new DriverError("notFound", `couldn't find service: ${appId}`);
      return found;
    },

    unreachable: (appId, address) => sightings.drop(appId, address),

    async close() {
      isClosed = true;
      stopRefresh?.();
      const opened = await sockets?.catch(() => undefined);
      for (const entry of entries) await opened?.send(announcementOf(entry, true));
      entries.clear();
      await opened?.close();
    },
  };
}

function entryOf(self: Announcement, { platform }: DriverContext): MdnsEntry {
  if (self.appId === "") throw new DriverError("badMetadata", "name is missing");
  if (self.hostAddress === "") throw new DriverError("badMetadata", "address is missing");
  if (!(self.internalPort > 0)) throw new DriverError("badMetadata", "port is missing or invalid");
  const host = platform.process?.hostname ?? "localhost";
  return {
    appId: self.appId,
    instance: `${host}:${platform.process?.pid ?? 0}`,
    host,
    address: self.hostAddress,
    port: self.internalPort,
  };
}

function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
