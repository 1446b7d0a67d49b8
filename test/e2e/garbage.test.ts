import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { component, type DaprdProcess, startDaprd } from "../harness/daprd-process.ts";

let sidecar: DaprdProcess;
before(async () => {
  sidecar = await startDaprd({ resources: [component("store", "state.in-memory")] });
  await sidecar.ready();
});
after(async () => {
  assert.equal((await fetch(`${sidecar.url}/v1.0/healthz`)).status, 204);
  assert.equal(await sidecar.stop(), 0);
});

/** Sends raw bytes, and answers what came back until the end of the connection, or until nothing has come for so long. */
function sendRaw(port: number, bytes: Uint8Array | string, patienceMs = 1000): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(received));
  });
}

const post = (path: string, body: string | Uint8Array): Promise<Response> =>
  fetch(`${sidecar.url}${path}`, { method: "POST", body: body as BodyInit });

const refused: readonly [string, string, string, number, string][] = [
  ["cut JSON", "/v1.0/state/store", '[{"key":"a"', 400, "ERR_MALFORMED_REQUEST"],
  ["an object for a list", "/v1.0/state/store", "{}", 400, "ERR_MALFORMED_REQUEST"],
  ["a number as key", "/v1.0/state/store", '[{"key":1,"value":1}]', 400, "ERR_MALFORMED_REQUEST"],
  ["a missing key", "/v1.0/state/store", '[{"value":1}]', 400, "ERR_MALFORMED_REQUEST"],
  ["an empty body", "/v1.0/state/store", "", 400, "ERR_MALFORMED_REQUEST"],
  ["a reserved key", "/v1.0/state/store", '[{"key":"a||b","value":1}]', 400, "ERR_MALFORMED_REQUEST"],
  ["an unknown store", "/v1.0/state/nowhere", "[]", 400, "ERR_STATE_STORE_NOT_FOUND"],
  [
    "an unknown operation",
    "/v1.0/state/store/transaction",
    '{"operations":[{"operation":"move","request":{"key":"a"}}]}',
    400,
    "ERR_NOT_SUPPORTED_STATE_OPERATION",
  ],
  ["an unknown path", "/v1.0/nothing", "{}", 404, "ERR_DIRECT_INVOKE"],
];
for (const [what, path, body, status, code] of refused) {
  test(`${what} is refused with ${code}`, async () => {
    const answer = await post(path, body);
    assert.equal(answer.status, status);
    const error = (await answer.json()) as { errorCode: string; message: string };
    assert.equal(error.errorCode, code);
    assert.ok(error.message.length > 0);
  });
}

test("a body over the limit is refused, and the next request is served", async () => {
  const answer = await post("/v1.0/state/store", `[{"key":"big","value":"${"x".repeat(5 << 20)}"}]`);
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /stream too large/);
  assert.equal((await post("/v1.0/state/store", '[{"key":"small","value":1}]')).status, 204);
});

test("any JSON value under any key comes back as it was written, or is refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1 }), fc.jsonValue(), async (key, value) => {
      const saved = await post("/v1.0/state/store", JSON.stringify([{ key, value }]));
      if (saved.status !== 204) {
        assert.equal(saved.status, 400, await saved.text());
        return;
      }
      const read = await fetch(`${sidecar.url}/v1.0/state/store/bulk`, {
        method: "POST",
        body: JSON.stringify({ keys: [key] }),
      });
      const [item] = (await read.json()) as { data: unknown }[];
      assert.deepEqual(item?.data, JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 150 },
  );
});

test("random bytes on every port never end the process", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom("http", "grpc", "metrics"),
      async (bytes, port) => {
        const number = { http: sidecar.httpPort, grpc: sidecar.grpcPort, metrics: sidecar.metricsPort }[port];
        await sendRaw(number, bytes);
      },
    ),
    { numRuns: 60 },
  );
  assert.equal((await fetch(`${sidecar.url}/v1.0/healthz`)).status, 204);
});

test("malformed requests get a 4xx and a closed connection", async () => {
  for (const request of [
    "NONSENSE\r\n\r\n",
    "GET /v1.0/state/store/%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "POST /v1.0/state/store HTTP/1.1\r\nHost: a\r\nContent-Length: nonsense\r\n\r\n",
    `GET /v1.0/healthz HTTP/1.1\r\nHost: a\r\nX: ${"y".repeat(200_000)}\r\n\r\n`,
  ]) {
    const answer = await sendRaw(sidecar.httpPort, request);
    assert.match(answer, /^(?:HTTP\/1\.[01] 4\d\d |$)/, request.slice(0, 60));
  }
});

test("an unknown HTTP version is refused as Go refuses it", async () => {
  const answer = await sendRaw(sidecar.httpPort, "GET /v1.0/healthz HTTP/9.9\r\nHost: a\r\n\r\n", 20_000);
  assert.match(answer, /^HTTP\/1\.1 505 /);
});

test("a half-closed and a slow connection cost nobody else anything", async () => {
  const slow = Array.from({ length: 20 }, () => {
    const socket = connect(sidecar.httpPort, "127.0.0.1", () =>
      socket.write("POST /v1.0/state/store HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n["),
    );
    socket.on("error", () => undefined);
    return socket;
  });
  const half = sendRaw(sidecar.httpPort, "POST /v1.0/state/store HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n[");
  assert.equal((await post("/v1.0/state/store", '[{"key":"beside","value":1}]')).status, 204);
  assert.equal(await (await fetch(`${sidecar.url}/v1.0/state/store/beside`)).text(), "1");
  for (const socket of slow) socket.destroy();
  await half;
});
