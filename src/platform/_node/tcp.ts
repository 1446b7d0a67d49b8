import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { TcpConnect, TcpError, TcpHandlers, TcpSocket } from "../types.ts";

/** Up to here a head and its body are joined for one system call. */
const joinBytes = 65_536;

/** Dials with node:net or node:tls; runs on every runtime that has them. */
export function connectTcp(connect: TcpConnect, handlers: TcpHandlers): TcpSocket {
  const settings = connect.tls;
  let socket: Socket;
  try {
    socket = open(connect);
  } catch (error) {
    // Broken TLS material is refused on the spot.
    queueMicrotask(() => handlers.onClose(tcpError(error as Error)));
    return { writeText: () => false, write: () => false, destroy() {}, pause() {}, resume() {} };
  }
  let failure: TcpError | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const close = () => {
    if (closed) return;
    closed = true;
    clearTimeout(timer);
    handlers.onClose(failure);
  };
  const listen = (opened: "connect" | "secureConnect") => {
    socket.once(opened, () => {
      clearTimeout(timer);
      if (!closed) handlers.onOpen();
    });
    socket.on("data", (data: Buffer) => handlers.onData(new Uint8Array(data.buffer, data.byteOffset, data.length)));
    socket.on("end", () => handlers.onEnd());
    socket.on("drain", () => handlers.onDrain());
    socket.on("error", (error) => {
      failure ??= tcpError(error);
    });
    socket.on("close", close);
  };
  socket.setNoDelay(true);
  listen(settings === undefined || settings.onDemand === true ? "connect" : "secureConnect");
  if (connect.connectTimeoutMs !== undefined) {
    timer = setTimeout(() => {
      failure = Object.assign(new Error("dialling took too long"), { code: "TIMEOUT" });
      socket.destroy();
    }, connect.connectTimeoutMs);
  }

  return {
    writeText(text, body) {
      if (body === undefined || body.length === 0) return socket.write(text, "latin1");
      if (body.length <= joinBytes) {
        const all = Buffer.allocUnsafe(text.length + body.length);
        all.write(text, 0, "latin1");
        all.set(body, text.length);
        return socket.write(all);
      }
      socket.cork();
      socket.write(text, "latin1");
      const taken = socket.write(body);
      socket.uncork();
      return taken;
    },
    write: (chunk) => socket.write(chunk),
    destroy: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    ...(settings?.onDemand === true && {
      startTls() {
        const plain = socket;
        for (const event of ["data", "end", "drain"]) plain.removeAllListeners(event);
        try {
          socket = secure({ socket: plain, host: connect.host }, settings);
        } catch (error) {
          failure = tcpError(error as Error);
          plain.destroy();
          return;
        }
        listen("secureConnect");
      },
    }),
  };
}

type TlsSettings = NonNullable<TcpConnect["tls"]>;

function open(connect: TcpConnect): Socket {
  const place = connect.path === undefined ? { host: connect.host, port: connect.port } : { path: connect.path };
  if (connect.tls === undefined || connect.tls.onDemand === true) {
    const net = process.getBuiltinModule("node:net");
    return net.connect(place);
  }
  return secure(place, connect.tls);
}

function secure(place: ConnectionOptions, { insecure, servername, ca, cert, key }: TlsSettings): Socket {
  const tls = process.getBuiltinModule("node:tls");
  return tls.connect({
    ...place,
    rejectUnauthorized: insecure !== true,
    minVersion: "TLSv1.2",
    ...(servername === undefined ? {} : { servername }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

/** Several addresses of one name give an AggregateError: its first failure speaks for all. */
function tcpError(error: Error): TcpError {
  const inner = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  const code = (inner as { code?: unknown }).code;
  return Object.assign(inner, { code: typeof code === "string" ? code : "UNKNOWN" });
}
