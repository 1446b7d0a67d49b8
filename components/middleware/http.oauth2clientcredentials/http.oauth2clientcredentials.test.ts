import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpMiddleware, MiddlewareRequest } from "../../../src/driver/middleware.ts";
import { createVirtualClock, type VirtualClock } from "../../../src/kit/virtual-clock.ts";
import { middlewareConformance, middlewareRequest, pass } from "../../../test/conformance/middleware.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type IdentityProvider, providerTest, startIdentityProvider } from "../../../test/harness/identity-provider.ts";
import driver from "./http.oauth2clientcredentials.ts";

const platform = await hostPlatform();

interface Opened {
  readonly middleware: HttpMiddleware;
  readonly clock: VirtualClock;
}

async function open(provider: IdentityProvider, metadata: Record<string, string> = {}): Promise<Opened> {
  const clock = createVirtualClock();
  const given = {
    headerName: "x-token",
    clientID: "me:1",
    clientSecret: "se cret",
    scopes: "a,b",
    tokenURL: `${provider.url}/token`,
    ...metadata,
  };
  const context = driverContext(platform, "credentials", { clock });
  return { middleware: (await driver.open(new Map(Object.entries(given)), context)) as HttpMiddleware, clock };
}

async function token(
  { middleware }: Opened,
  change: Partial<MiddlewareRequest> = {},
): Promise<string | null | undefined> {
  return (await pass(middleware, middlewareRequest(change))).request?.headers.get("x-token");
}

const shared = await startIdentityProvider();
middlewareConformance("oauth2clientcredentials", async () => (await open(shared)).middleware, middlewareRequest);
test("the shared provider can go", async () => {
  await shared.close();
});

providerTest("a token is asked for once, by all at once, and again when it ends", async (provider) => {
  const opened = await open(provider);
  const tokens = await Promise.all([token(opened), token(opened), token(opened)]);
  assert.deepEqual(tokens, ["Bearer secret-token", "Bearer secret-token", "Bearer secret-token"]);
  assert.equal(provider.requests.length, 1);
  const [asked] = provider.requests;
  assert.equal(asked?.headers.authorization, `Basic ${btoa("me%3A1:se+cret")}`);
  assert.deepEqual(
    [...(asked?.form ?? [])],
    [
      ["grant_type", "client_credentials"],
      ["scope", "a b"],
    ],
  );
  await opened.clock.advance(59_999);
  await token(opened);
  assert.equal(provider.requests.length, 1);
  await opened.clock.advance(1);
  provider.answers.set("/token", () => ({ body: { access_token: "2", token_type: "MAC" } }));
  assert.equal(await token(opened), "MAC 2");
  await opened.clock.advance(999_999_999);
  assert.equal(await token(opened), "MAC 2", "a token without an end");
  assert.equal(provider.requests.length, 2);
  assert.equal(await token(opened, { headers: new Headers({ "x-token": "own" }) }), "own, MAC 2", "it is added");
});

providerTest("how the secret is shown", async (provider) => {
  const answer = provider.answers.get("/token");
  assert.ok(answer);
  provider.answers.set("/token", (request) => {
    return request.headers.authorization === undefined
      ? answer(request)
      : { status: 401, body: { error: "invalid_client" } };
  });
  const detecting = await open(provider);
  assert.equal(await token(detecting), "Bearer secret-token");
  assert.equal(provider.requests.length, 2);
  assert.deepEqual(Object.fromEntries(provider.requests[1]?.form ?? []), {
    client_id: "me:1",
    client_secret: "se cret",
    grant_type: "client_credentials",
    scope: "a b",
  });
  await detecting.clock.advance(60_000);
  await token(detecting);
  assert.equal(provider.requests.length, 3, "what worked is remembered");
  assert.equal(await token(await open(provider, { authStyle: "1" })), "Bearer secret-token");
  assert.equal(provider.requests.length, 4);
  assert.equal(await token(await open(provider, { authStyle: "2" })), undefined);
  assert.equal(provider.requests.length, 5);
});

providerTest("more parameters, other paths", async (provider) => {
  const opened = await open(provider, {
    endpointParamsQuery: "audience=x%20y&grant_type=own&r=1&r=2",
    pathFilter: "^/a b",
  });
  assert.equal(await token(opened, { path: "/c" }), null);
  assert.equal(provider.requests.length, 0);
  assert.equal(await token(opened, { path: "/a%20b/c" }), "Bearer secret-token");
  const sent = [...(provider.requests[0]?.form ?? [])].map(([name, value]) => `${name}=${value}`);
  assert.deepEqual(sent, ["audience=x y", "grant_type=own", "r=1", "r=2", "scope=a b"]);
});

providerTest("without a token nothing passes", async (provider) => {
  const opened = await open(provider);
  const answers = [
    { status: 500, body: "broken" },
    { body: "no json" },
    { body: { error: "denied", access_token: "x" } },
    { body: { token_type: "bearer" } },
    { body: "null" },
  ];
  for (const answer of answers) {
    provider.answers.set("/token", () => answer);
    const { request, response, text } = await pass(opened.middleware, middlewareRequest());
    assert.equal(request, undefined);
    assert.deepEqual([response.status, text], [500, "Internal Server Error"], JSON.stringify(answer));
  }
  const form = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
  provider.answers.set("/token", () => ({ headers: form, body: "access_token=f%2B&expires_in=10" }));
  assert.equal(await token(opened), "Bearer f+", "a provider that answers with a form");
});

providerTest("what stops the start is said at once", async (provider) => {
  const empty = { headerName: "", clientID: "", clientSecret: "", scopes: "", tokenURL: "", authStyle: "3" };
  await assert.rejects(open(provider, empty), {
    message:
      "metadata errors: Parameter 'headerName' needs to be set. Parameter 'clientID' needs to be set. Parameter 'clientSecret' needs to be set. Parameter 'scopes' needs to be set. Parameter 'tokenURL' needs to be set. Parameter 'authStyle' can only have the values 0,1,2. Received: '3'. ",
  });
  await assert.rejects(
    open(provider, { pathFilter: "(" }),
    /metadata errors: Parameter 'pathFilter' is not a valid regex: /,
  );
  await assert.rejects(open(provider, { endpointParamsQuery: "scope=c" }), /cannot overwrite parameter "scope"/);
});
