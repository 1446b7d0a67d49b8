import { createHttp1Client } from "../channel/app/http1-client.ts";
import { responseOf } from "../kit/any-status.ts";
import type { Platform } from "../platform/types.ts";

/** A request of the command line to a sidecar's HTTP API. */
export interface SocketRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body?: { readonly data: Uint8Array<ArrayBuffer>; readonly type: string } | undefined;
}

/** Sends one request over a unix socket; the answer is all there. Rejects with what went wrong on the way. */
export async function askSocket(
  { tcp, clock, name }: Pick<Platform, "tcp" | "clock" | "name">,
  socket: string,
  { method, path, body }: SocketRequest,
  headers: Headers,
): Promise<Response> {
  if (tcp === undefined) throw new Error(`the ${name} runtime cannot dial unix sockets`);
  const client = createHttp1Client({ tcp, clock, connect: { host: "localhost", port: 0, path: socket } });
  try {
    const [target = "", ...query] = path.split("?");
    const reply = await client.request(
      { method, path: target, query: query.join("?"), headers: [...headers], body: body?.data ?? null },
      new AbortController().signal,
      () => {},
    );
    const answer = responseOf(reply.body, { status: reply.status, headers: reply.headers as [string, string][] });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return responseOf(bytes.length === 0 ? null : bytes, { status: reply.status, headers: answer.headers });
  } finally {
    client.close();
  }
}
