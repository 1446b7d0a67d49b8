// An app whose every answer is a stream of 1 GiB: `bun bench/echo/stream-app.ts PORT`.
const chunk = new Uint8Array(65_536);
const chunks = 2 ** 30 / chunk.length;

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  fetch(request) {
    if (new URL(request.url).pathname.startsWith("/dapr/")) return new Response(null, { status: 404 });
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
