import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type AppPair, type PairWay, pairWays, startPair } from "../harness/app-pair.ts";
import { type RawApp, startRawApp } from "../harness/raw-app.ts";
import { type RawAnswer, sendRaw } from "../harness/raw-http.ts";
import { askForWebSocket } from "../harness/raw-websocket.ts";

const answers: Readonly<Record<string, string>> = {
  "/ok": "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nok",
  "/stream": "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
  "/missing": "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
  "/broken": "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nmine",
  "/refused": "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno",
};

let app: RawApp;
const pairs = new Map<PairWay, AppPair>();
before(async () => {
  app = await startRawApp((socket, all) => {
    if (!all.includes("\r\n\r\n")) return;
    const path = all.split(" ")[1] ?? "";
    if (path === "/gone") socket.destroy();
    else
      socket.end(
        (answers[path] ?? "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").replace(
          "\r\n",
          "\r\nconnection: close\r\n",
        ),
      );
  });
  await Promise.all(
    pairWays.map(async (way) => {
      pairs.set(way, await startPair(way, { appPort: app.port }));
    }),
  );
});
after(async () => {
  await Promise.all([...pairs.values()].map((pair) => pair.stop()));
  await app.close();
});

/** What a caller sees, without dates and traces. */
const seen = ({ status, headers, body }: RawAnswer) => ({
  status,
  body: body.replaceAll(/127\.0\.0\.1:\d+/g, "ADDRESS"),
  headers: headers
    .filter(([name]) => !["date", "traceparent"].includes(name.toLowerCase()))
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .sort(),
});

/** The counted figures of calls: names, labels and values. */
async function counted(port: number): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => /^dapr_(?:http|runtime_service_invocation)_/.test(line))
    .filter((line) => !/_(?:bucket|sum)\{|latency.*_sum|healthz|_bytes_/.test(line))
    .sort();
}

test("one process and two answer alike and count alike", async () => {
  const results = new Map<PairWay, unknown>();
  for (const [way, pair] of pairs) {
    const path = "/v1.0/invoke/callee/method";
    const send = async (line: string, more = "") =>
      seen(await sendRaw(pair.httpPort, `${line} HTTP/1.1\r\nhost: sidecar\r\nconnection: close\r\n${more}\r\n`));
    const calls = [
      await send(`GET ${path}/ok`),
      await send(`POST ${path}/ok`, "content-length: 0\r\n"),
      await send(`GET ${path}/stream`),
      await send(`GET ${path}/missing`),
      await send(`GET ${path}/broken`),
      await send(`GET ${path}/gone`),
      await send("GET /ok", "dapr-app-id: callee\r\n"),
    ];
    const asked = await askForWebSocket(pair.httpPort, `${path}/refused`);
    results.set(way, {
      calls,
      socket: [asked.status, await asked.body],
      caller: await counted(pair.metricsPorts.caller),
      callee: await counted(pair.metricsPorts.callee),
    });
  }
  const [first, second] = pairWays.map((way) => results.get(way));
  assert.deepEqual(first, second);
  const { calls, caller, callee } = first as { calls: { status: number }[]; caller: string[]; callee: string[] };
  assert.deepEqual(
    calls.map(({ status }) => status),
    [200, 200, 201, 404, 500, 500, 200],
  );
  assert.ok(caller.some((line) => line.startsWith("dapr_runtime_service_invocation_req_sent_total")));
  assert.ok(callee.some((line) => line.startsWith("dapr_runtime_service_invocation_req_recv_total")));
});
