// An app whose every GET answers a stream of 1 GiB, and that counts the bytes of a POST: `bun bench/echo/stream-app.ts PORT`.
const chunk = new Uint8Array(65_536);
const chunks = 2 ** 30 / chunk.length;

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/dapr/")) return new Response(null, { status: 404 });
    if (pathname === "/small") return new Response("small");
    if (request.method === "POST") {
      let bytes = 0;
      for await (const part of request.body ?? []) bytes += (part as Uint8Array).length;
      return new Response(String(bytes));
    }
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ < chunks) controller.enqueue(chunk);
        else controller.close();
      },
    });
    return new Response(body);
  },
});
