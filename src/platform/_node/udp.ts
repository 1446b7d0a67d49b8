import type { UdpOptions, UdpSocket } from "../types.ts";
import { plainAddress } from "./address.ts";

/** Opens a UDP socket. Multicast groups are joined on the interface with the given address, or on the system's choice. */
export function openUdp(options: UdpOptions): Promise<UdpSocket> {
  const { createSocket } = process.getBuiltinModule("node:dgram");
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: options.host.includes(":") ? "udp6" : "udp4",
      reuseAddr: options.reuse ?? false,
    });
    let open = false;
    const fail = (error: Error) =>
      reject(new Error(`opening UDP ${options.host}:${options.port} failed: ${error.message}`, { cause: error }));
    socket.on("error", (error) => {
      // After the start an error belongs to one datagram (an unreachable peer), as UDP loses datagrams anyway.
      if (!open) fail(error);
    });
    socket.on("message", (data, from) => {
      options.onMessage(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), {
        host: plainAddress(from.address),
        port: from.port,
      });
    });
    socket.bind(options.port, options.host, () => {
      try {
        for (const { group, interface: name } of options.multicast ?? []) socket.addMembership(group, name);
      } catch (error) {
        socket.close();
        return fail(error as Error);
      }
      open = true;
      let closed = false;
      resolve({
        port: socket.address().port,
        send(data, host, port) {
          if (!closed) socket.send(data, port, host, () => {});
        },
        close() {
          if (closed) return;
          closed = true;
          socket.close();
        },
      });
    });
  });
}
