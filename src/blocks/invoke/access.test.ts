import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type InvokeSidecar, startInvokeSidecar } from "../../../test/harness/invoke-sidecar.ts";
import { describeProbe } from "../../../test/harness/probe-service.ts";
import { createGrpcServer } from "../../api/grpc/server.ts";
import { createGrpcClient, type GrpcClient } from "../../channel/grpc/client.ts";
import { HTTPExtension_Verb } from "../../gen/dapr/proto/common/v1/common_pb.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import type { Http2Client, Listener } from "../../platform/types.ts";
import { createAccessRules } from "../../security/access-rules.ts";

const platform = await hostPlatform();
const { clock } = platform;
const probe = describeProbe();
const limits = { maxReceiveBytes: 1 << 20, maxSendBytes: 1 << 20 };
const meter = { decided: () => undefined };
const policies = [
  {
    appId: "caller",
    namespace: "default",
    trustDomain: "public",
    defaultAction: "deny",
    operations: [
      { name: "/open/*", httpVerb: ["GET"], action: "allow" },
      { name: "/probe.v1.Probe/Unary", httpVerb: [], action: "allow" },
    ],
  },
];

const closing: (() => Promise<unknown>)[] = [];
let http: Listener;
let grpc: Listener;
let near: InvokeSidecar;
let far: InvokeSidecar;
let paths: string[] = [];

before(async () => {
  http = await platform.serveHttp!({ host: "127.0.0.1", port: 0 }, async (request) => {
    paths.push(new URL(request.url).pathname);
    return new Response("ok");
  });
  const part = probe.part({
    unary: () => ({ text: "ok" }),
    async *serverStream() {
      yield {};
    },
  });
  grpc = await platform.serveHttp2!({ host: "127.0.0.1", port: 0 }, createGrpcServer({ parts: [part], limits, clock }));
  const rules = (isHttp: boolean) =>
    createAccessRules({ defaultAction: "deny", trustDomain: "public", policies }, { isHttp, meter });
  const callee = await startInvokeSidecar({
    platform,
    appId: "callee",
    app: { port: http.port, protocol: "http" },
    access: rules(true),
  });
  const grpcCallee = await startInvokeSidecar({
    platform,
    appId: "grpc-callee",
    app: { port: grpc.port, protocol: "grpc" },
    access: rules(false),
  });
  near = await startInvokeSidecar({ platform, appId: "caller", neighbours: () => [callee, grpcCallee] });
  const peers = { callee: callee.peerAddress, "grpc-callee": grpcCallee.peerAddress };
  far = await startInvokeSidecar({ platform, appId: "caller", peers });
  for (const one of [near, far, callee, grpcCallee]) closing.push(() => one.close());
});
after(async () => {
  await Promise.all(closing.map((close) => close()));
  await Promise.all([http.close(100), grpc.close(100)]);
});

function clientOf(sidecar: InvokeSidecar): GrpcClient {
  const client: Http2Client = platform.connectHttp2!({ host: "127.0.0.1", port: sidecar.grpcPort });
  closing.unshift(() => client.close());
  return createGrpcClient({ client, clock, target: "tcp test", ...limits });
}

const ask = async (sidecar: InvokeSidecar, method: string, verb = "GET") => {
  const answer = await fetch(`http://127.0.0.1:${sidecar.httpPort}/v1.0/invoke/callee/method/${method}`, {
    method: verb,
  });
  return { status: answer.status, text: await answer.text() };
};
const refusal = (id: string, operation: string, verb: string) =>
  `access control policy has denied access to id: ${id} operation: ${operation} verb: ${verb}`;
const denied = (id: string, operation: string, verb: string) => ({
  status: 403,
  text: JSON.stringify({
    errorCode: "ERR_DIRECT_INVOKE",
    message: `failed to invoke, id: callee, err: rpc error: code = PermissionDenied desc = ${refusal(id, operation, verb)}`,
  }),
});
const me = "spiffe://public/ns/default/caller";

test("a caller of the process meets its policy, one from elsewhere the default action", async () => {
  paths = [];
  assert.deepEqual(await ask(near, "open/x"), { status: 200, text: "ok" });
  assert.deepEqual(await ask(near, "open/x", "PUT"), denied(me, "open/x", "PUT"));
  assert.deepEqual(await ask(near, "shut"), denied(me, "shut", "GET"));
  assert.deepEqual(await ask(far, "open/x"), denied("", "open/x", "GET"));
  assert.deepEqual(paths, ["/open/x"]);
});

test("tricks with paths neither open nor reach what is shut", async () => {
  paths = [];
  for (const trick of ["open/..%2fshut", "open/%2e%2e/shut", "open//../../shut", "..%2fopen%2f..%2fshut"]) {
    assert.deepEqual(await ask(near, trick), denied(me, "shut", "GET"), trick);
  }
  assert.equal((await ask(near, "open%2f.%2fx")).status, 200);
  assert.equal((await ask(near, "OPEN/x")).status, 200);
  assert.equal((await ask(near, "shut/../open/x")).status, 200);
  for (const name of ["open/x%23/shut", "open/x%3F/../../shut", "open/%00x", "open/x%0d%0a"]) {
    assert.notEqual((await ask(near, name)).status, 200, name);
  }
  assert.deepEqual(paths, ["/open/x", "/OPEN/x", "/open/x"]);
});

test("InvokeService says why it is refused", async () => {
  const code = async (sidecar: InvokeSidecar, method: string, verb: HTTPExtension_Verb) => {
    const request = { id: "callee", message: { method, httpExtension: { verb } } };
    try {
      await clientOf(sidecar).unary(Dapr.method.invokeService, request);
      return "ok";
    } catch (error) {
      assert.ok(error instanceof ConnectError);
      return `${error.code} ${error.rawMessage}`;
    }
  };
  assert.equal(await code(near, "open/x", HTTPExtension_Verb.GET), "ok");
  const text = (why: string) =>
    `${Code.Internal} failed to invoke, id: callee, err: rpc error: code = PermissionDenied desc = ${why}`;
  assert.equal(await code(near, "open/x", HTTPExtension_Verb.POST), text(refusal(me, "open/x", "POST")));
  assert.equal(await code(near, "open/x", HTTPExtension_Verb.NONE), text(refusal(me, "open/x", "NONE")));
  assert.equal(await code(far, "open/x", HTTPExtension_Verb.GET), text(refusal("", "open/x", "GET")));
});

test("a proxied method is an operation of its own name", async () => {
  const headers = { "dapr-app-id": "grpc-callee" };
  const call = async (sidecar: InvokeSidecar) => {
    const client = clientOf(sidecar);
    const stream = async () => {
      for await (const _ of client.serverStream(probe.serverStream, {}, { headers }).messages);
    };
    const outcome = (work: Promise<unknown>) =>
      work.then(
        () => "ok",
        (error: ConnectError) => `${error.code} ${error.rawMessage}`,
      );
    return [await outcome(client.unary(probe.unary, {}, { headers })), await outcome(stream())];
  };
  const no = (id: string, method: string) =>
    `${Code.PermissionDenied} ${refusal(id, `/probe.v1.Probe/${method}`, "NONE")}`;
  assert.deepEqual(await call(near), ["ok", no(me, "ServerStream")]);
  assert.deepEqual(await call(far), [no("", "Unary"), no("", "ServerStream")]);
});
