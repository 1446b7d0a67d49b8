import { createHuffmanTable, type HuffmanTable } from "../_http2/huffman.ts";
import type { Platform } from "../types.ts";
import type { TookBytes } from "./greedy-read.ts";
import { connectHttp2 } from "./http2-client.ts";
import { connectBunHttp2 } from "./http2-client-bun.ts";
import { serveHttp2 } from "./http2-server.ts";
import { serveBunHttp2 } from "./http2-server-bun.ts";

/**
 * HTTP/2 in the clear over Bun's own sockets, with a codec of ours.
 * portable: `node:http2` and `node:net` of Bun are a third of the time to start and 5 MB, need twice the CPU for a call, and hold a
 * stream's data back behind another's flow control (oven-sh/bun#43422). With TLS they serve on, because only they verify names.
 */
export function createBunHttp2(tookBytes: TookBytes): Required<Pick<Platform, "serveHttp2" | "connectHttp2">> {
  let table: HuffmanTable | undefined;
  const huffman = () => {
    table ??= createHuffmanTable();
    return table;
  };
  return {
    serveHttp2: (listen, handle) =>
      listen.tls ? serveHttp2(listen, handle) : serveBunHttp2(listen, handle, huffman, tookBytes),
    connectHttp2: (options) => (options.tls ? connectHttp2(options) : connectBunHttp2(options, huffman, tookBytes)),
  };
}
