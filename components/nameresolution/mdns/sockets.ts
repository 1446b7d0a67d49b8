import type { MulticastDns, MulticastPacket } from "multicast-dns";

/** Multicast DNS on all interfaces of this host. */
export interface MdnsSockets {
  /** Sends on every interface; datagrams that cannot leave are lost, as datagrams are. */
  send(packet: MulticastPacket): Promise<void>;
  close(): Promise<void>;
}

export interface MdnsHandlers {
  /** `reply` sends on the interface that the query came in by. */
  onQuery(packet: MulticastPacket, reply: (packet: MulticastPacket) => void): void;
  onResponse(packet: MulticastPacket): void;
}

/** Where to send and listen; tests take another port. */
export interface MdnsPlace {
  /** IPv4 addresses of the interfaces. */
  readonly interfaces: readonly string[];
  readonly port: number;
}

/**
 * Opens a socket for each interface. They share the port with the other resolvers of the host, upstream's included. Rejects when
 * no interface takes part.
 */
export async function openMdnsSockets(place: MdnsPlace, handlers: MdnsHandlers): Promise<MdnsSockets> {
  const { default: multicastDns } = await import("multicast-dns");
  const opened = await Promise.all(
    place.interfaces.map((address) => openOne(multicastDns, address, place.port, handlers)),
  );
  const sockets = opened.filter((socket) => socket !== undefined);
  if (sockets.length === 0) throw new Error("No supported interface");
  return {
    async send(packet) {
      await Promise.all(sockets.map((socket) => sendOn(socket, packet)));
    },
    async close() {
      await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.destroy(resolve))));
    },
  };
}

function openOne(
  multicastDns: (options: object) => MulticastDns,
  address: string,
  port: number,
  handlers: MdnsHandlers,
): Promise<MulticastDns | undefined> {
  return new Promise((resolve) => {
    const socket = multicastDns({ interface: address, bind: "0.0.0.0", port, reuseAddr: true, loopback: true, ttl: 1 });
    socket.on("ready", () => resolve(socket));
    socket.on("error", () => {
      resolve(undefined);
      socket.destroy();
    });
    // A warning is a datagram that is no DNS, or an interface that went away: neither concerns the rest.
    socket.on("warning", () => {});
    socket.on("query", (packet) => handlers.onQuery(packet, (answer) => void sendOn(socket, answer)));
    socket.on("response", (packet) => handlers.onResponse(packet));
  });
}

function sendOn(socket: MulticastDns, packet: MulticastPacket): Promise<void> {
  return new Promise((resolve) => socket.send(packet, null, () => resolve()));
}
