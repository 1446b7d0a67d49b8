import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { component, startDaprd } from "../harness/daprd-process.ts";
import { providerTest } from "../harness/identity-provider.ts";

/** An app that tells what it got; `/slow` answers part by part as its request comes. */
const app: Server = createServer(async (incoming, outgoing) => {
  if (incoming.url === "/slow") {
    outgoing.writeHead(200, { "content-type": "text/plain" });
    for await (const part of incoming) outgoing.write(`got ${String(part)};`);
    outgoing.end();
    return;
  }
  let body = "";
  for await (const part of incoming) body += String(part);
  const { authorization, "dapr-api-token": token, "x-token": own } = incoming.headers;
  outgoing.setHeader("content-type", "text/plain");
  outgoing.end(JSON.stringify({ url: incoming.url, method: incoming.method, body, authorization, token, own }));
});
await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
const appPort = (app.address() as AddressInfo).port;
after(() => {
  app.closeAllConnections();
  app.close();
});

function configuration(
  pipelines: Readonly<Record<string, readonly (readonly [name: string, type: string])[]>>,
): string {
  const spec = Object.entries(pipelines).map(([pipeline, handlers]) => {
    const items = handlers.map(([name, type]) => `    - {name: ${name}, type: middleware.http.${type}}`);
    return `  ${pipeline}:\n    handlers:\n${items.join("\n")}`;
  });
  return `apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: pipes}\nspec:\n${spec.join("\n")}\n`;
}

const upper = (name: string, direction: string) => component(name, "middleware.http.uppercase", { direction });

providerTest("both pipelines of one sidecar, in their order, streams and all", async (provider) => {
  const key = await provider.addKey("ES256");
  const bearer = { authorization: `Bearer ${await provider.sign(key)}` };
  const sidecar = await startDaprd({
    appId: "piped",
    env: { APP_API_TOKEN: "app-token" },
    args: ["--app-port", String(appPort), "--config", "6.yaml"],
    resources: [
      component("limit", "middleware.http.ratelimit", { maxRequestsPerSecond: "1000" }),
      component("bearer", "middleware.http.bearer", { issuer: provider.url, audience: "the-api" }),
      component("alias", "middleware.http.routeralias", {
        routes: JSON.stringify({ "/short/{id}": "/v1.0/invoke/piped/method/first" }),
      }),
      upper("up", "request"),
      component("inner", "middleware.http.routeralias", { routes: JSON.stringify({ "/first": "/second" }) }),
      component("token", "middleware.http.oauth2clientcredentials", {
        headerName: "x-token",
        clientID: "me",
        clientSecret: "s",
        scopes: "a",
        tokenURL: `${provider.url}/token`,
        pathFilter: "^/second",
      }),
      configuration({
        httpPipeline: [
          ["limit", "ratelimit"],
          ["bearer", "bearer"],
          ["alias", "routeralias"],
          ["absent", "uppercase"],
        ],
        appHttpPipeline: [
          ["inner", "routeralias"],
          ["token", "oauth2clientcredentials"],
          ["up", "uppercase"],
        ],
      }),
    ],
  });
  try {
    // Health asks pass the pipeline as well.
    const answer = async (headers: Record<string, string> = {}) => fetch(`${sidecar.url}/v1.0/healthz`, { headers });
    while (!sidecar.logs().includes("HTTP server is running on port") || (await answer(bearer)).status !== 204)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const refused = await answer();
    assert.deepEqual([refused.status, await refused.text()], [401, "Unauthorized"]);
    assert.equal(refused.headers.get("ratelimit-limit"), "1000", "the outer one saw the answer of the inner one");
    assert.match(
      sidecar.logs(),
      /middleware \\"absent\\" \(middleware.http.uppercase\/v1\) of a pipeline is passed over/,
    );

    const response = await fetch(`${sidecar.url}/short/7?a=b`, { method: "POST", headers: bearer, body: "body ß" });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("x-rate-limit-request-remote-addr") ?? "", /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(await response.json(), {
      url: "/second?a=b&id=7",
      method: "POST",
      body: "BODY ß",
      authorization: bearer.authorization,
      token: "app-token",
      own: "Bearer secret-token",
    });

    let send: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (send = controller) });
    const init = { method: "POST", headers: bearer, body, duplex: "half" } as RequestInit;
    const utf8 = new TextEncoder();
    send?.enqueue(utf8.encode("one"));
    const slow = await fetch(`${sidecar.url}/v1.0/invoke/piped/method/slow`, init);
    const reader = slow.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader?.read())?.value, "got ONE;", "an answer begins before its request ends");
    send?.enqueue(utf8.encode("two"));
    assert.equal((await reader?.read())?.value, "got TWO;");
    send?.close();
    assert.equal((await reader?.read())?.done, true);
  } finally {
    await sidecar.stop();
  }
});

test("what cannot be run stops the start", async () => {
  const fails = async (resources: readonly string[], message: RegExp) => {
    const sidecar = await startDaprd({ args: ["--config", "0.yaml"], resources });
    assert.notEqual(await sidecar.exited, 0);
    assert.match(sidecar.logs(), message);
  };
  await fails(
    [configuration({ appHttpPipeline: [["policy", "opa"]] })],
    /middleware \\"policy\\" \(middleware\.http\.opa\) of Configuration \\"pipes\\" cannot be run: this build has middleware\.http\.bearer, /,
  );
  await fails(
    [configuration({ httpPipeline: [["up", "uppercase"]] }), component("wasm", "middleware.http.wasm")],
    /process component wasm error: HTTP middleware middleware\.http\.wasm\/v1 has not been registered/,
  );
  await fails(
    [
      configuration({ httpPipeline: [["l", "ratelimit"]] }),
      component("l", "middleware.http.ratelimit", { maxRequestsPerSecond: "0" }),
    ],
    /error creating HTTP middleware middleware\.http\.ratelimit\/v1: metadata property maxRequestsPerSecond must be a positive value/,
  );
});
