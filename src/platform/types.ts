import type { Clock } from "../kit/clock.ts";
import type { Random } from "../kit/random.ts";

/** The abilities of a host that web standards do not give. An optional member that is absent means this host cannot do it. */
export interface Platform {
  readonly name: "bun" | "deno" | "node" | "workers";
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  /** Keeps an isolate alive for work that outlives a response. */
  readonly waitUntil?: (work: Promise<unknown>) => void;
  readonly serveHttp?: (listen: HttpListen, handle: FetchHandler) => Promise<Listener>;
  readonly serveHttp2?: (listen: Http2Listen, handle: StreamHandler) => Promise<Listener>;
  readonly connectHttp2?: (options: Http2Connect) => Http2Client;
  /** Dials at once; what becomes of it arrives at the handlers, never before this returns. */
  readonly tcp?: (connect: TcpConnect, handlers: TcpHandlers) => TcpSocket;
  /** Starts the storage writer in a thread of its own; absent on hosts without threads, where the writer runs in line. */
  readonly storageThread?: () => Thread;
  readonly sqlite?: (path: string, options?: SqliteOpen) => SqlDatabase;
  readonly files?: Files;
  readonly udp?: (options: UdpOptions) => Promise<UdpSocket>;
  /** All addresses of a host name, as the system looks it up; an address is its own. Rejects when there is none. */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
  readonly process?: ProcessControl;
}

/** Where to listen. Port 0 picks a free one. A `path` makes it a unix socket and the rest is ignored. */
export interface HttpListen {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  /** Largest accepted request header block in bytes, where the runtime lets us choose. */
  readonly maxHeaderBytes?: number;
  /** Largest WebSocket message of a client in bytes. Default 16 MiB. */
  readonly maxMessageBytes?: number;
}

export interface Http2Listen extends HttpListen {
  /** PEM material; absent = h2c. */
  readonly tls?: {
    readonly key: string;
    readonly cert: string;
    readonly ca?: string;
    readonly requireClientCert?: boolean;
  };
  readonly maxHeaderListBytes?: number;
}

/** A listening socket. `close` refuses new connections at once and resolves when open requests are done or `graceMs` is over (then they are cut); without `graceMs` it waits for them. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  close(graceMs?: number): Promise<void>;
}

export interface RequestInfo {
  readonly remoteAddress: string;
  /** Absent where the host does not tell. */
  readonly remotePort?: number | undefined;
}
/** Request headers as far as handlers look at them; the web's `Headers` are one. */
export interface HeaderView {
  /** Several lines of one name come joined by ", "; null when there is none. Case does not matter. */
  get(name: string): string | null;
  has(name: string): boolean;
  /** Names in lower case; several lines of one name come one by one, or joined where the host has joined them. */
  forEach(visit: (value: string, name: string) => void): void;
}

/** A request as read from the wire, without the web's objects around it. */
export interface WireRequest {
  readonly method: string;
  /** Escaped path and query as received; dot segments are still there. */
  readonly target: string;
  readonly headers: HeaderView;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  readonly body: ReadableStream<Uint8Array> | null;
  /** The whole body, at once when it is there. Rejects when the client breaks off. */
  whole(): Uint8Array | Promise<Uint8Array>;
  /** The same as a `Request`, which then owns the body. Throws TypeError for methods that the web forbids. */
  web(): Request;
}

/** An answer that is all there. Status and header lines are fit to be sent; names in lower case. */
export interface PlainAnswer {
  readonly status: number;
  /** Name, value, name, value, … */
  readonly lines: readonly string[];
  readonly body: Uint8Array | null;
}

/** The faster face of a handler, for servers that read and write the wire themselves. */
export type WireHandler = (
  request: WireRequest,
  info: RequestInfo,
) => PlainAnswer | Response | Promise<PlainAnswer | Response>;

/** An answer that is an UpgradeResponse (kit/websocket) turns the request's connection into a WebSocket. */
export interface FetchHandler {
  (request: Request, info: RequestInfo): Response | Promise<Response>;
  readonly wire?: WireHandler | undefined;
}

export type HeaderList = Readonly<Record<string, string | readonly string[]>>;

/**
 * One HTTP/2 stream as the server sees it. Callbacks are assigned by the handler synchronously in `StreamHandler`.
 * Order: respond once, write any number of times, then end (with trailers) or reset.
 */
export interface ServerStream {
  readonly path: string;
  readonly method: string;
  readonly headers: HeaderList;
  readonly remoteAddress: string;
  /** SPIFFE or subject identity of the peer certificate, when TLS with client certificates is on. */
  readonly peerCertificate?: Uint8Array;
  onData: ((chunk: Uint8Array) => void) | null;
  /** The peer half-closed; `trailers` are the request's, if it sent any. */
  onEnd: ((trailers: HeaderList) => void) | null;
  /** The stream died (peer reset, connection lost). Not called after a clean end of both sides. */
  onReset: ((code: number) => void) | null;
  onDrain: (() => void) | null;
  /** Stops and resumes `onData` (flow control towards the peer). */
  pause(): void;
  resume(): void;
  respond(headers: HeaderList & { readonly ":status": string }): void;
  /** Sends `chunk` and `behind` it, without copies. False: the peer reads slowly, wait for `onDrain`. */
  write(chunk: Uint8Array, behind?: Uint8Array): boolean;
  end(trailers?: HeaderList): void;
  reset(code: number): void;
}
export type StreamHandler = (stream: ServerStream) => void;

export interface Http2Connect {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  readonly tls?: {
    readonly ca?: string;
    readonly key?: string;
    readonly cert?: string;
    readonly servername?: string;
    readonly insecure?: boolean;
    /** Throws to refuse the peer. Gets its certificate in DER. */
    readonly verifyPeer?: (certificate: Uint8Array) => void;
  };
  readonly connectTimeoutMs?: number;
}

/** A connection that dials on the first request and redials after a loss. */
export interface Http2Client {
  request(headers: HeaderList, handlers: ClientStreamHandlers): ClientStream;
  readonly openStreams: number;
  readonly connected: boolean;
  close(): Promise<void>;
}

export interface ClientStreamHandlers {
  onHeaders(headers: HeaderList): void;
  onData(chunk: Uint8Array): void;
  /** The response is complete; `trailers` is empty when the peer ended with DATA or headers only. */
  onEnd(trailers: HeaderList): void;
  /** `sent` tells whether any byte of the request may have reached the peer. */
  onError(error: Error & { readonly http2Code?: number; readonly sent: boolean }): void;
  onDrain?(): void;
}

export interface ClientStream {
  /** Sends `chunk` and `behind` it, without copies. False: the peer reads slowly, wait for `onDrain`. */
  write(chunk: Uint8Array, behind?: Uint8Array): boolean;
  end(chunk?: Uint8Array): void;
  reset(code: number): void;
  pause(): void;
  resume(): void;
}

/** Where to dial. A `path` makes it a unix socket and host and port are ignored. */
export interface TcpConnect {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  /** Absent: plain. The certificate is verified unless `insecure`. */
  readonly tls?: {
    readonly servername?: string;
    readonly insecure?: boolean;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** Begins plain, for protocols that change over at `startTls`; the limit for dialling covers the plain part only. */
    readonly onDemand?: true;
  };
  /** Default: the system's own limit. */
  readonly connectTimeoutMs?: number;
}

/** `code` is the system's name of the failure (ECONNREFUSED), or TIMEOUT for our own limit. */
export interface TcpError extends Error {
  readonly code: string;
}

export interface TcpHandlers {
  onOpen(): void;
  /** The chunk is the receiver's to keep. */
  onData(chunk: Uint8Array): void;
  /** The peer sends no more. The connection is closed right after, unless there is data to send. */
  onEnd(): void;
  /** After a write that was not taken at once: the next may go. */
  onDrain(): void;
  /** The connection is gone, or was never made: called once, and last. */
  onClose(error?: TcpError): void;
}

export interface TcpSocket {
  /** Sends `text` as Latin-1 (one byte for each character) and `body` behind it, in one go. False: wait for `onDrain`. */
  writeText(text: string, body?: Uint8Array): boolean;
  /** False: wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  /** Cuts the connection; `onClose` follows. */
  destroy(): void;
  pause(): void;
  resume(): void;
  /** Encrypts all that follows; `onOpen` is called again when the peer's certificate is accepted. Absent without `onDemand`. */
  startTls?(): void;
}

/** A worker with structured-clone messages. */
export interface Thread {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage: ((message: unknown) => void) | null;
  onError: ((error: Error) => void) | null;
  terminate(): Promise<void>;
}

export type SqlValue = string | number | bigint | Uint8Array | null;
export type SqlRow = Record<string, SqlValue>;
export interface SqliteOpen {
  readonly readonly?: boolean;
}
/** What SQLite refuses: `sqliteCode` is its extended result code (its low byte: 5 busy, 8 readonly, 10 input/output, 11 corrupt, 13 full, 19 constraint, 26 not a database). */
export interface SqliteError extends Error {
  readonly sqliteCode: number;
}
/** The runtime's own SQLite, synchronous. Statements are cached by their text. Integers are numbers while they are safe, bigint beyond. Throws SqliteError. */
export interface SqlDatabase {
  exec(sql: string): void;
  run(sql: string, params: readonly SqlValue[]): { readonly changes: number; readonly lastId: number };
  get(sql: string, params: readonly SqlValue[]): SqlRow | undefined;
  all(sql: string, params: readonly SqlValue[]): SqlRow[];
  close(): void;
}

export interface Files {
  readText(path: string): Promise<string>;
  /** All bytes, or those from the given offset on. */
  readBytes(path: string, from?: number): Promise<Uint8Array>;
  write(
    path: string,
    data: string | Uint8Array,
    options?: { readonly mode?: number; readonly append?: boolean },
  ): Promise<void>;
  /** Replaces `path` in one step (temporary file, sync, rename). */
  replace(path: string, data: string | Uint8Array, mode?: number): Promise<void>;
  list(path: string): Promise<readonly { readonly name: string; readonly kind: "file" | "directory" | "other" }[]>;
  stat(
    path: string,
  ): Promise<{ readonly kind: "file" | "directory" | "other"; readonly size: number; readonly mtimeMs: number } | null>;
  makeDirectory(path: string, mode?: number): Promise<void>;
  remove(path: string): Promise<void>;
  realPath(path: string): Promise<string>;
  /** What a symbolic link says, whether that is there or not. */
  readLink(path: string): Promise<string>;
  /** Calls back after something under `path` (a directory, not recursive) changed; returns the stop function. */
  watch(path: string, changed: () => void): () => void;
}

export interface UdpOptions {
  readonly host: string;
  readonly port: number;
  readonly reuse?: boolean;
  readonly multicast?: readonly { readonly group: string; readonly interface?: string }[];
  onMessage(data: Uint8Array, from: { readonly host: string; readonly port: number }): void;
}
export interface UdpSocket {
  readonly port: number;
  send(data: Uint8Array, host: string, port: number): void;
  close(): void;
}

export interface Child {
  readonly pid: number;
  /** Resolves with the exit code, or 128 + the signal's number. */
  readonly exited: Promise<number>;
  readonly stdout: ReadableStream<Uint8Array> | null;
  readonly stderr: ReadableStream<Uint8Array> | null;
  kill(signal: "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGHUP"): void;
}
export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: "inherit" | "ignore";
  readonly stdout?: "inherit" | "pipe" | "ignore";
  readonly stderr?: "inherit" | "pipe" | "ignore";
  /** A process group of its own, so that `kill` reaches the child's children too. */
  readonly group?: boolean;
  /**
   * A group that does not outlive this process, however it ends (kill -9 too), nor the child itself. Windows: no effect, there a killed
   * parent leaves its children behind.
   */
  readonly guarded?: boolean;
}
export interface ProcessControl {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly execPath: string;
  readonly hostname: string;
  readonly platform: "linux" | "darwin" | "windows";
  cwd(): string;
  exit(code: number): never;
  stdout(text: string): void;
  stderr(text: string): void;
  readStdin(): Promise<string>;
  /** Keeps the process alive although nothing is open; the answer lets go. */
  hold(): () => void;
  onSignal(signal: "SIGINT" | "SIGTERM" | "SIGHUP", handle: () => void): () => void;
  spawn(command: readonly string[], options: SpawnOptions): Child;
  /** Sends a signal to any process; false when there is none. Signal 0 only asks. */
  signal(pid: number, signal: "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGHUP" | 0): boolean;
  /** Resident set size in bytes. */
  memory(): number;
  /** Non-loopback addresses of this host, IPv4 first. */
  addresses(): readonly { readonly address: string; readonly family: 4 | 6; readonly interface: string }[];
}
