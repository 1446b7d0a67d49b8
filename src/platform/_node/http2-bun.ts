import { createHuffmanTable, type HuffmanTable } from "../_http2/huffman.ts";
import type { Platform } from "../types.ts";
import type { TookBytes } from "./greedy-read.ts";
import { connectHttp2 } from "./http2-client.ts";
import { connectBunHttp2 } from "./http2-client-bun.ts";
import { serveHttp2 } from "./http2-server.ts";
import { serveBunHttp2 } from "./http2-server-bun.ts";

/**
 * HTTP/2 in the clear over Bun's own sockets, with a codec of ours.
 * portable: loading `node:net` takes a good part of the time to start on Bun, and its `node:http2` holds a stream's data back behind
 * another's flow control (oven-sh/bun#43422). With TLS they serve on, because only they verify names.
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
