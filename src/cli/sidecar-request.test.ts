import assert from "node:assert/strict";
import { test } from "node:test";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import { askSocket } from "../runtime/ask-socket.ts";
import type { Program } from "./program.ts";
import { askSidecar, findSidecar } from "./sidecar-request.ts";

const platform = await hostPlatform();

test("a sidecar is asked over its unix socket, with the token", async () => {
  const { path: socketFolder } = temporaryFolder();
  const listener = await platform.serveHttp!(
    { host: "", port: 0, path: `${socketFolder}/dapr-orders-http.socket` },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const { headers } = request;
      const told = [request.method, pathname + search, headers.get("dapr-api-token"), headers.get("content-type")];
      return Response.json([...told, await request.text()], { status: pathname === "/v1.0/missing" ? 404 : 200 });
    },
  );
  const program = {
    platform: { ...platform, env: { DAPR_API_TOKEN: "secret" } },
    askSocket: async () => askSocket,
  } as unknown as Program;
  const place = await findSidecar(program, { "data-dir": "", "unix-domain-socket": socketFolder }, "orders");
  const body = { data: new TextEncoder().encode("hello"), type: "text/x" };
  const posted = await askSidecar(program, place, { method: "POST", path: "/v1.0/a?b=c?d", body });
  assert.deepEqual(await posted.json(), ["POST", "/v1.0/a?b=c?d", "secret", "text/x", "hello"]);
  const missing = await askSidecar(program, place, { method: "GET", path: "/v1.0/missing" });
  assert.deepEqual([missing.status, await missing.json()], [404, ["GET", "/v1.0/missing", "secret", null, ""]]);
  await listener.close();
  await assert.rejects(askSidecar(program, place, { method: "GET", path: "/" }), {
    message: /^calling ".*dapr-orders-http\.socket" failed: Get "http:\/\/localhost\/": /,
  });
});
