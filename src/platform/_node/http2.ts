import { lazily } from "../../kit/lazily.ts";
import { createHuffmanTable } from "../_http2/huffman.ts";
import type { Platform } from "../types.ts";
import { createHttp2Client, type Dial } from "./http2-client.ts";
import { bindNet, dialNet } from "./http2-net.ts";
import { type Bind, listenHttp2 } from "./http2-server.ts";

/**
 * HTTP/2 with a codec of ours, over the sockets given for what is in the clear, and over node:tls.
 * portable: with `node:http2` Bun holds a stream's data back behind another's flow control (oven-sh/bun#43422), and Deno's loses
 * track of closed streams: the library inside it ends the process, or an exchange of events stops for good.
 */
export function createHttp2(
  dial: Dial = dialNet,
  bind: Bind = bindNet,
): Required<Pick<Platform, "serveHttp2" | "connectHttp2">> {
  const huffman = lazily(createHuffmanTable);
  return {
    serveHttp2: (listen, handle) => listenHttp2(listen, handle, listen.tls === undefined ? bind : bindNet, huffman),
    connectHttp2: (options) => createHttp2Client(options, options.tls === undefined ? dial : dialNet, huffman),
  };
}
