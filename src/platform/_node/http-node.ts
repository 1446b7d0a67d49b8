import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { httpStatusText } from "../../kit/http-status-text.ts";
import { defaultMessageBytes, UpgradeResponse } from "../../kit/websocket/upgrade-response.ts";
import type { FetchHandler, HttpListen, Listener } from "../types.ts";
import { plainAddress } from "./address.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";
import { toWebStream } from "./web-stream.ts";
import { type NodeWebSocket, onlyWebSockets, openNodeWebSocket } from "./websocket-node.ts";

const headerTimeoutMs = 10_000;

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  const raw = incoming.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) headers.append(raw[at] as string, raw[at + 1] as string);
  // compat: of several types of the body the first counts.
  if (incoming.headers["content-type"] !== undefined) headers.set("content-type", incoming.headers["content-type"]);
  const target = incoming.url ?? "/";
  const absolute = target.startsWith("http://") || target.startsWith("https://");
  const url = absolute
    ? target
    : `http://${incoming.headers.host || "localhost"}${target.startsWith("/") ? "" : "/"}${target}`;
  const { method, headers: fields } = incoming;
  const isUnframed = fields["content-length"] === undefined && fields["transfer-encoding"] === undefined;
  const bodiless = method === "GET" || method === "HEAD" || isUnframed;
  if (bodiless) incoming.resume();
  // `duplex` is required for streamed bodies and missing in the DOM's types.
  const init = {
    method,
    headers,
    signal,
    body: bodiless ? null : toWebStream(incoming),
    duplex: "half",
  };
  return new Request(url, init);
}

function writeHead(response: Response, outgoing: ServerResponse, length?: number): void {
  outgoing.statusCode = response.status;
  outgoing.statusMessage = response.statusText || httpStatusText(response.status) || `status code ${response.status}`;
  for (const [name, value] of response.headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  if (length !== undefined && !response.headers.has("content-length")) outgoing.setHeader("content-length", length);
}

const nextTurn = () => new Promise<"later">((resolve) => setImmediate(resolve, "later"));

async function sendResponse(response: Response, outgoing: ServerResponse, bodiless: boolean): Promise<void> {
  if (response.body === null || bodiless) {
    await response.body?.cancel();
    writeHead(
      response,
      outgoing,
      response.body === null && response.status !== 204 && response.status !== 304 ? 0 : undefined,
    );
    outgoing.end();
    return;
  }
  const reader = response.body.getReader();
  outgoing.on("close", () => void reader.cancel().catch(() => {}));
  let part = await reader.read();
  // A body that is whole already goes out with its length, as the other runtimes do; one that is still growing starts at once.
  let next = part.done ? undefined : reader.read();
  const soon = next === undefined ? undefined : await Promise.race([next, nextTurn()]);
  if (part.done) writeHead(response, outgoing, 0);
  else writeHead(response, outgoing, soon !== "later" && soon?.done ? part.value.byteLength : undefined);
  while (!part.done) {
    if (!outgoing.write(part.value) && !outgoing.destroyed)
      await new Promise<void>((resolve) => {
        const go = () => {
          outgoing.off("drain", go);
          outgoing.off("close", go);
          resolve();
        };
        outgoing.on("drain", go);
        outgoing.on("close", go);
      });
    if (outgoing.destroyed) return;
    part = await (next ?? reader.read());
    next = undefined;
  }
  outgoing.end();
}

/** Listens with `node:http`, mapping requests and responses to the web's, both streamed. */
export async function serveNodeHttp(listen: HttpListen, handle: FetchHandler): Promise<Listener> {
  const http = process.getBuiltinModule("node:http");
  const options = {
    noDelay: true,
    requestTimeout: 0,
    headersTimeout: headerTimeoutMs,
    IncomingMessage: onlyWebSockets(http.IncomingMessage),
    ...(listen.maxHeaderBytes === undefined ? {} : { maxHeaderSize: listen.maxHeaderBytes }),
  };
  const webSockets = new Set<NodeWebSocket>();
  const answerTo = async (incoming: IncomingMessage, outgoing: ServerResponse, upgrading?: Duplex): Promise<void> => {
    const abort = new AbortController();
    const gone = () => abort.abort(new DOMException("the client went away", "AbortError"));
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) gone();
    });
    outgoing.on("error", () => {});
    let request: Request;
    try {
      request = toRequest(incoming, abort.signal);
    } catch {
      // A target or method that the web's Request refuses.
      outgoing.writeHead(400, { connection: "close" }).end();
      return;
    }
    try {
      const info = {
        get remoteAddress() {
          return plainAddress(incoming.socket.remoteAddress);
        },
        get remotePort() {
          return incoming.socket.remotePort;
        },
      };
      for (const leaves of ["end", "close"]) upgrading?.once(leaves, gone);
      const answer = await handle(request, info);
      for (const leaves of ["end", "close"]) upgrading?.off(leaves, gone);
      if (answer instanceof UpgradeResponse && upgrading !== undefined) {
        outgoing.detachSocket(incoming.socket);
        await acceptWebSocket(answer, incoming, upgrading);
      } else await sendResponse(answer, outgoing, incoming.method === "HEAD");
    } catch {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end();
    }
  };
  const acceptWebSocket = async (answer: UpgradeResponse, incoming: IncomingMessage, socket: Duplex): Promise<void> => {
    const limit = listen.maxMessageBytes ?? defaultMessageBytes;
    const opened = await openNodeWebSocket(answer, incoming, socket, limit);
    if (opened === undefined) return;
    webSockets.add(opened);
    socket.once("close", () => webSockets.delete(opened));
  };
  const server = http.createServer(options, (incoming, outgoing) => void answerTo(incoming, outgoing));
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    socket.on("error", () => {});
    if (head.length > 0) socket.unshift(head);
    // What a refusal is written with.
    const outgoing = new http.ServerResponse(incoming);
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(incoming.socket);
    outgoing.on("finish", () => socket.end());
    void answerTo(incoming, outgoing, socket);
  });
  if (listen.path !== undefined) await prepareSocketPath(listen.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenFailure(listen, error)));
    if (listen.path === undefined) server.listen(listen.port, listen.host, resolve);
    else server.listen(listen.path, resolve);
  });
  const address = server.address() as AddressInfo | string | null;
  return {
    host: listen.host,
    port: address !== null && typeof address === "object" ? address.port : 0,
    async close(graceMs) {
      for (const socket of webSockets) socket.close(1001, "the server goes away");
      const done = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = graceMs === undefined ? undefined : setTimeout(() => server.closeAllConnections(), graceMs);
      await done;
      clearTimeout(timer);
    },
  };
}
