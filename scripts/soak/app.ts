// An app that writes down the id of every call before it answers: `bun scripts/soak/app.ts PORT FILE`.
import { openSync, writeSync } from "node:fs";

const file = openSync(process.argv[3] ?? "", "a");
const record = (id: string): void => void writeSync(file, `${id} ${Date.now()}\n`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

Bun.serve<{ readonly id: string }>({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  async fetch(request, server) {
    const { pathname, searchParams } = new URL(request.url);
    const [, way = "", id = ""] = pathname.split("/");
    if (!["record", "stream", "socket"].includes(way)) return new Response(null, { status: 404 });
    if (way === "socket" && server.upgrade(request, { data: { id } })) return undefined;
    let bytes = 0;
    for await (const part of request.body ?? []) bytes += (part as Uint8Array).length;
    // A body that came short is no call.
    if (String(bytes) !== searchParams.get("size")) return new Response("short", { status: 400 });
    record(id);
    if (way !== "stream") return new Response(id);
    const parts = async function* () {
      for (let part = 0; part < 5; part++) {
        yield `part ${part}\n`;
        await pause(20);
      }
      yield id;
    };
    return new Response(parts() as unknown as ReadableStream);
  },
  websocket: {
    idleTimeout: 0,
    message(socket, message) {
      if (message === "record") {
        record(socket.data.id);
        socket.send(socket.data.id);
      } else socket.close(1008, "what is that");
    },
  },
});
