import { type Pointer, ptr } from "bun:ffi";
import { check, errno, libc } from "./libc.ts";
import { nativeBuffer, nativeCopy } from "./native-buffer.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;
const NONBLOCK = 0x800;
const CLOEXEC = 0x80000;
const MSG_NOSIGNAL = 0x4000;
const EAGAIN = 11;

const address = (host: string, port: number): Uint8Array => {
  const parts = (host === "localhost" ? "127.0.0.1" : host).split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) {
    throw new Error(`Reading the host "${host}" failed: an IPv4 address is needed`);
  }
  return nativeCopy(new Uint8Array([AF_INET, 0, port >> 8, port & 255, ...parts, 0, 0, 0, 0, 0, 0, 0, 0]));
};

const setFlag = (fd: number, level: number, option: number) => {
  const on = new Int32Array(nativeBuffer(4)).fill(1);
  libc.setsockopt(fd, level, option, ptr(on), 4);
};

/** Sends small segments at once (TCP_NODELAY). */
const sendAtOnce = (fd: number) => setFlag(fd, 6, 1);

/** Opens a TCP connection, waiting for it, and gives back a non-blocking descriptor, or -1 when nobody listens. */
export const connectTcp = (host: string, port: number): number => {
  const fd = check("socket", libc.socket(AF_INET, SOCK_STREAM | CLOEXEC, 0));
  const to = address(host, port);
  if (libc.connect(fd, ptr(to), to.length) < 0) {
    libc.close(fd);
    return -1;
  }
  sendAtOnce(fd);
  check("fcntl", libc.fcntl(fd, 4, NONBLOCK));
  return fd;
};

/** Listens on loopback; port 0 picks a free one. Gives the descriptor and the port. */
export const listenTcp = (port: number): { fd: number; port: number } => {
  const fd = check("socket", libc.socket(AF_INET, SOCK_STREAM | NONBLOCK | CLOEXEC, 0));
  setFlag(fd, 1, 2);
  const at = address("127.0.0.1", port);
  check(`bind to port ${port}`, libc.bind(fd, ptr(at), at.length));
  check("listen", libc.listen(fd, 1024));
  const length = new Int32Array(nativeBuffer(4)).fill(at.length);
  check("getsockname", libc.getsockname(fd, ptr(at), ptr(length)));
  return { fd, port: ((at[2] as number) << 8) | (at[3] as number) };
};

/** Takes one waiting connection as a non-blocking descriptor, or gives -1 when none waits. */
export const acceptTcp = (listener: number): number => {
  const fd = libc.accept4(listener, null, null, NONBLOCK | CLOEXEC);
  if (fd >= 0) sendAtOnce(fd);
  return fd;
};

/** Bytes that all connections of a thread read into, one after the other. */
export const createInbox = (size = 1 << 18) => {
  const bytes = new Uint8Array(nativeBuffer(size));
  const at = ptr(bytes);
  return {
    bytes,
    /** How many bytes arrived; 0 when the peer has closed or reset, -1 when there is nothing yet. */
    receive: (fd: number): number => {
      const count = libc.recv(fd, at, size, 0);
      return count >= 0 ? count : errno() === EAGAIN ? -1 : 0;
    },
  };
};

/** What `createInbox` returns. */
export type Inbox = ReturnType<typeof createInbox>;

/** Bytes with their address, so that a send needs no conversion. */
export interface Outgoing {
  readonly bytes: Uint8Array;
  readonly at: Pointer;
}

/** A copy of the bytes that `Outbox.send` takes; later changes belong into the copy. */
export const pin = (bytes: Uint8Array): Outgoing => {
  const copy = nativeCopy(bytes);
  return { bytes: copy, at: ptr(copy) };
};

/** Empty room of a size that `Outbox.send` takes. */
export const pinnedRoom = (size: number): Outgoing => {
  const bytes = new Uint8Array(nativeBuffer(size));
  return { bytes, at: ptr(bytes) };
};

/** The sending half of a connection: sends at once, keeps a copy of what the kernel did not take. */
export class Outbox {
  readonly fd: number;
  #left: Uint8Array = new Uint8Array(0);

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Whether bytes wait for the kernel; then call `flush` when the descriptor is writable. */
  get waiting(): boolean {
    return this.#left.length > 0;
  }

  send(outgoing: Outgoing, start: number, end: number): void {
    if (this.#left.length > 0) {
      this.#keep(outgoing.bytes.subarray(start, end));
      return;
    }
    const size = end - start;
    const sent = libc.send(this.fd, (outgoing.at + start) as Pointer, size, MSG_NOSIGNAL);
    // A broken connection shows itself on the reading side, so a failed send only keeps the bytes.
    if (sent < size) this.#keep(outgoing.bytes.subarray(start + Math.max(sent, 0), end));
  }

  flush(): void {
    const left = this.#left;
    if (left.length === 0) return;
    const sent = libc.send(this.fd, ptr(left), left.length, MSG_NOSIGNAL);
    if (sent > 0) this.#left = nativeCopy(left.subarray(sent));
  }

  #keep(bytes: Uint8Array): void {
    const joined = new Uint8Array(nativeBuffer(this.#left.length + bytes.length));
    joined.set(this.#left);
    joined.set(bytes, this.#left.length);
    this.#left = joined;
  }
}
