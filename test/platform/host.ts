import type { ClientStream, Http2Client, Platform, StreamHandler, Thread } from "../../src/platform/types.ts";

/** The platform of the runtime that runs the tests. */
export async function createHost(): Promise<Platform> {
  if ("Bun" in globalThis) return (await import("../../src/platform/bun.ts")).createBunPlatform();
  if ("Deno" in globalThis) return (await import("../../src/platform/deno.ts")).createDenoPlatform();
  return (await import("../../src/platform/node.ts")).createNodePlatform();
}

/** Starts any module as this runtime starts the storage writer. */
export async function startThread(source: URL): Promise<Thread> {
  if ("Bun" in globalThis || "Deno" in globalThis)
    return (await import("../../src/platform/_node/thread-web.ts")).startWebThread(source);
  return (await import("../../src/platform/_node/thread-node.ts")).startNodeThread(source);
}

/** A listener and a client of it, both of this runtime. */
export async function openPair(host: Platform, handle: StreamHandler) {
  const listener = await host.serveHttp2!({ host: "127.0.0.1", port: 0 }, handle);
  const client = host.connectHttp2!({ host: "127.0.0.1", port: listener.port });
  return {
    listener,
    client,
    async close() {
      await client.close();
      await listener.close(0);
    },
  };
}

export interface Call {
  readonly stream: ClientStream;
  readonly status: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly received: number;
  readonly text: string;
  /** "end", or what `onError` brought. */
  readonly outcome: "end" | (Error & { readonly http2Code?: number; readonly sent: boolean }) | undefined;
  /** Resolves at the end, good or bad. */
  readonly finished: Promise<void>;
  /** Resolves with the first data. */
  readonly started: Promise<void>;
}

/** Starts a request and records what comes back. Without `body` the request stays open. */
export function call(
  client: Http2Client,
  path: string,
  body?: string | Uint8Array,
  extra: Readonly<Record<string, string | readonly string[]>> = {},
  onDrain?: () => void,
): Call {
  const finished = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const record = {
    status: undefined as string | undefined,
    headers: {} as Record<string, unknown>,
    trailers: {} as Record<string, unknown>,
    received: 0,
    text: "",
    outcome: undefined as Call["outcome"],
    finished: finished.promise,
    started: started.promise,
    stream: undefined as unknown as ClientStream,
  };
  record.stream = client.request(
    { ":method": "POST", ":path": path, ":scheme": "http", ":authority": "test", ...extra },
    {
      onHeaders(headers) {
        record.headers = { ...headers };
        record.status = headers[":status"] as string;
      },
      onData(chunk) {
        record.received += chunk.length;
        if (record.received < 10_000) record.text += decoder.decode(chunk, { stream: true });
        started.resolve();
      },
      onEnd(trailers) {
        record.trailers = { ...trailers };
        record.outcome = "end";
        finished.resolve();
      },
      onError(error) {
        record.outcome = error;
        finished.resolve();
      },
      onDrain,
    },
  );
  if (body !== undefined) record.stream.end(typeof body === "string" ? new TextEncoder().encode(body) : body);
  return record;
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits until something holds; fails after ten seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited 10 s in vain until ${what}`);
    await sleep(5);
  }
}

export const bytes = (text: string) => new TextEncoder().encode(text);
