import { AppUnreachable } from "../../kit/app-channel.ts";
import type { HeaderLines, HttpCall, HttpReply } from "../../kit/http-message.ts";
import { InvocationFailure, unimplemented } from "../../kit/invocation.ts";
import type { ClientStream, HeaderList, Http2Client, TcpConnect, TcpError } from "../../platform/types.ts";
import { ReplyStream } from "../reply-stream.ts";
import type { HttpClient } from "./http1-client.ts";
import { dialErrorText, hostPort, lostErrorText } from "./network-error.ts";
import { sendBody } from "./send-body.ts";
import { unpackGzip } from "./unpack-gzip.ts";

export interface Http2AppOptions {
  readonly client: Http2Client;
  readonly connect: TcpConnect;
  readonly fixedHeaders: readonly (readonly [name: string, value: string])[];
}

const cancelCode = 8;
/** Fields that HTTP/2 has no place for (RFC 9113, 8.2.2). */
const dropped = new Set(["connection", "host", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection", "te"]);

/** Requests of one origin over one HTTP/2 connection without TLS. */
export function createHttp2AppClient(options: Http2AppOptions): HttpClient {
  const { client, connect } = options;
  const authority = connect.path === undefined ? hostPort(connect.host, connect.port) : "localhost";

  const request = (call: HttpCall, signal: AbortSignal, finished: () => void): Promise<HttpReply> =>
    new Promise((resolve, reject) => {
      const url = `http://${authority}${call.path}${call.query === "" ? "" : `?${call.query}`}`;
      const what = `${call.method.charAt(0)}${call.method.slice(1).toLowerCase()} "${url}"`;
      const { headers, length, unpacks } = headerList(call, authority, options.fixedHeaders);
      let reply: ReplyStream | undefined;
      let stream: ClientStream | undefined;
      let isOver = false;
      let wake: (() => void) | undefined;
      let stopBody: (() => void) | undefined;

      const settle = (): boolean => {
        if (isOver) return false;
        isOver = true;
        signal.removeEventListener("abort", abort);
        stopBody?.();
        wake?.();
        finished();
        return true;
      };
      const fail = (text: string, cause: unknown) => {
        if (!settle()) return;
        const error = new AppUnreachable(`${what}: ${text}`, { cause });
        if (reply === undefined) reject(error);
        else reply.close(error);
      };
      const abort = () => {
        stream?.reset(cancelCode);
        const reason: unknown = signal.reason;
        const isLate =
          reason instanceof Error && (reason.name === "TimeoutError" || /deadline exceeded/.test(reason.message));
        fail(isLate ? "context deadline exceeded" : "context canceled", reason);
      };
      if (call.upgrade !== undefined) {
        finished();
        reject(
          new InvocationFailure(unimplemented, "a WebSocket needs an app that speaks HTTP/1.1, this one speaks h2c"),
        );
        return;
      }
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort);
      stream = client.request(headers, {
        onHeaders(received) {
          if (isOver || reply !== undefined) return;
          const status = Number(received[":status"]);
          if (status < 200) return;
          reply = new ReplyStream({
            pause: () => stream?.pause(),
            resume: () => stream?.resume(),
            abandoned: () => {
              stream?.reset(cancelCode);
              settle();
            },
          });
          const answer: HttpReply = { status, headers: headerLines(received), body: reply.readable };
          resolve(unpacks ? unpackGzip(answer) : answer);
        },
        onData: (chunk) => reply?.push(chunk),
        onEnd() {
          if (reply === undefined) return fail("EOF", undefined);
          if (settle()) reply.close();
        },
        onError(error) {
          const cause = systemError(error);
          if (error.http2Code !== undefined) fail(`stream error: stream ID 1; http2 code ${error.http2Code}`, error);
          else fail(error.sent ? lostErrorText(connect, cause) : dialErrorText(connect, cause), error);
        },
        onDrain: () => wake?.(),
      });
      const { body } = call;
      if (body === null) stream.end();
      else if (body instanceof Uint8Array) stream.end(body);
      else {
        const target = stream;
        const sending = sendBody(
          body,
          { isChunked: false, length: length ?? Number.POSITIVE_INFINITY },
          {
            write: (_, chunk) => chunk === undefined || target.write(chunk),
            drained: () => new Promise((ready) => (wake = ready)),
          },
        );
        stopBody = sending.stop;
        sending.done.then(
          () => target.end(),
          (error: unknown) => {
            target.reset(cancelCode);
            fail(error instanceof Error ? error.message : String(error), error);
          },
        );
      }
    });

  return {
    request,
    get connections() {
      return client.connected ? 1 : 0;
    },
    get busy() {
      return client.openStreams;
    },
    close: () => void client.close(),
  };
}

function headerList(
  call: HttpCall,
  authority: string,
  fixed: readonly (readonly [string, string])[],
): { headers: HeaderList; length: number | undefined; unpacks: boolean } {
  const headers: Record<string, string | string[]> = {
    ":method": call.method,
    ":scheme": "http",
    ":authority": authority,
    ":path": call.query === "" ? call.path : `${call.path}?${call.query}`,
  };
  let length: number | undefined;
  const set = new Set(fixed.map(([name]) => name.toLowerCase()));
  for (const [given, value] of call.headers) {
    const name = given.toLowerCase();
    if (dropped.has(name) || set.has(name)) continue;
    if (name === "content-length") {
      length = Number(value);
      continue;
    }
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (typeof before === "string") headers[name] = [before, value];
    else before.push(value);
  }
  for (const [name, value] of fixed) headers[name.toLowerCase()] = value;
  const unpacks = headers["accept-encoding"] === undefined && headers["range"] === undefined && call.method !== "HEAD";
  // compat: what Go's client adds on its own.
  headers["user-agent"] ??= "Go-http-client/2.0";
  if (unpacks) headers["accept-encoding"] = "gzip";
  if (call.body instanceof Uint8Array) length = call.body.length;
  if (length !== undefined && call.body !== null) headers["content-length"] = String(length);
  return { headers, length, unpacks };
}

function headerLines(list: HeaderList): HeaderLines {
  const lines: [string, string][] = [];
  for (const name in list) {
    if (name.charCodeAt(0) === 0x3a) continue;
    const value = list[name];
    if (typeof value === "string") lines.push([name, value]);
    else for (const one of value ?? []) lines.push([name, one]);
  }
  return lines;
}

/** The system's own error below what the client wrapped around it. */
function systemError(error: Error): TcpError {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string" && /^E[A-Z]+$/.test(at.code)) return at as TcpError;
  }
  return Object.assign(error, { code: /Failed to connect|refused/i.test(error.message) ? "ECONNREFUSED" : "UNKNOWN" });
}
