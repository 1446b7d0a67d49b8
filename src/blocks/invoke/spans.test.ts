import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type InvokeSidecar, startInvokeSidecar } from "../../../test/harness/invoke-sidecar.ts";
import { type RawApp, startRawApp } from "../../../test/harness/raw-app.ts";
import { sendRaw } from "../../../test/harness/raw-http.ts";
import type { SpanData } from "../../telemetry/span.ts";

const platform = await hostPlatform();
const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const spans = { near: [] as SpanData[], far: [] as SpanData[], callee: [] as SpanData[] };
const sink = (name: keyof typeof spans) => ({ add: (span: SpanData) => void spans[name].push(span) });

let app: RawApp;
let callee: InvokeSidecar;
let near: InvokeSidecar;
let far: InvokeSidecar;
let toApp = "";

before(async () => {
  app = await startRawApp((socket, all) => {
    toApp = /traceparent: (\S+)/.exec(all)?.[1] ?? "";
    const status = all.includes("/fails") ? "500 Internal Server Error" : "200 OK";
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  });
  callee = await startInvokeSidecar({
    platform,
    appId: "callee",
    app: { port: app.port, protocol: "http" },
    spans: sink("callee"),
  });
  near = await startInvokeSidecar({ platform, appId: "caller", neighbours: () => [callee], spans: sink("near") });
  far = await startInvokeSidecar({
    platform,
    appId: "caller",
    peers: { callee: callee.peerAddress },
    spans: sink("far"),
  });
});
after(async () => {
  await Promise.all([near.close(), far.close(), callee.close()]);
  await app.close();
});

async function call(sidecar: InvokeSidecar, path: string): Promise<string> {
  for (const list of Object.values(spans)) list.length = 0;
  const request = `GET /v1.0/invoke/callee/method${path} HTTP/1.1\r\nhost: s\r\nconnection: close\r\ntraceparent: ${parent}\r\ntracestate: a=1\r\ndapr-note: n\r\n\r\n`;
  const { headers } = await sendRaw(sidecar.httpPort, request);
  return headers.find(([name]) => name.toLowerCase() === "traceparent")?.[1] ?? "";
}

for (const way of ["near", "far"] as const) {
  describe(`spans of a call, ${way === "near" ? "same process" : "two processes"}`, () => {
    it("has a step on each side, one below the other", async () => {
      const answered = await call(way === "near" ? near : far, "/orders/1?x=y");
      const [client] = spans[way];
      const [server] = spans.callee;
      assert.deepEqual([spans[way].length, spans.callee.length], [1, 1]);
      assert.deepEqual(
        [client?.kind, client?.name, client?.parentId, client?.tracestate, client?.error],
        ["client", "CallLocal/callee/orders/1", parent.slice(36, 52), "a=1", undefined],
      );
      assert.deepEqual(
        [server?.kind, server?.name, server?.parentId, server?.tracestate, server?.error],
        ["server", "CallLocal/callee/orders/1", client?.spanId, "a=1", undefined],
      );
      assert.equal(answered, `00-${client?.traceId}-${client?.spanId}-01`);
      assert.equal(toApp, `00-${server?.traceId}-${server?.spanId}-01`);
      const { "server.port": port, ...attributes } = Object.fromEntries(client?.attributes ?? []);
      assert.match(port ?? "", /^\d+$/);
      assert.deepEqual(attributes, {
        "rpc.service": "ServiceInvocation",
        "net.peer.name": "callee",
        "dapr-note": "n",
        "dapr.protocol": "http",
        "dapr.api": "GET /v1.0/invoke/callee/method/orders/1",
        "dapr.status_code": "200",
        "http.request.method": "GET",
        "url.full": "/v1.0/invoke/callee/method/orders/1?x=y",
        "server.address": "127.0.0.1",
      });
      assert.deepEqual(Object.fromEntries(server?.attributes ?? []), {
        "rpc.service": "ServiceInvocation",
        "dapr.invoke_method": "orders/1",
        "dapr.protocol": "grpc",
        "dapr.api": "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream",
      });
    });

    it("fails on the caller's side when the app answers an error", async () => {
      await call(way === "near" ? near : far, "/fails");
      assert.deepEqual([spans[way][0]?.error, spans.callee[0]?.error], ["Code(500): Internal Server Error", undefined]);
    });
  });
}

describe("spans of a call of the own app", () => {
  it("is one step", async () => {
    await call(callee, "/x");
    assert.deepEqual(
      spans.callee.map(({ kind, name }) => [kind, name]),
      [["client", "CallLocal/callee/x"]],
    );
    assert.equal(toApp, `00-${spans.callee[0]?.traceId}-${spans.callee[0]?.spanId}-01`);
  });
});
