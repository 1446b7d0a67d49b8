import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpMiddleware } from "../../../src/driver/middleware.ts";
import { createVirtualClock, type VirtualClock } from "../../../src/kit/virtual-clock.ts";
import { middlewareConformance, middlewareRequest, pass } from "../../../test/conformance/middleware.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import {
  audience,
  type IdentityProvider,
  providerTest,
  startIdentityProvider,
} from "../../../test/harness/identity-provider.ts";
import driver from "./http.bearer.ts";

const platform = await hostPlatform();
const start = 1_700_000_000_000;

interface Opened {
  readonly middleware: HttpMiddleware;
  readonly clock: VirtualClock;
  readonly warnings: string[];
}

async function open(provider: IdentityProvider, metadata: Record<string, string> = {}): Promise<Opened> {
  const clock = createVirtualClock(start);
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (text: string) => void warnings.push(text) };
  const given = new Map(Object.entries({ issuer: provider.url, audience, ...metadata }));
  const middleware = (await driver.open(given, driverContext(platform, "bearer", { clock, log }))) as HttpMiddleware;
  return { middleware, clock, warnings };
}

/** Status of a request with this Authorization header; 200 when it passes. */
async function status({ middleware }: Pick<Opened, "middleware">, authorization: string | undefined): Promise<number> {
  const headers = new Headers(authorization === undefined ? {} : { authorization });
  const { request, response, text } = await pass(middleware, middlewareRequest({ headers }));
  if (request === undefined) {
    assert.equal(text, response.status === 401 ? "Unauthorized" : "Internal Server Error");
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  } else assert.equal(request.headers.get("authorization"), authorization ?? null, "the token stays in the request");
  return response.status;
}

const shared = await startIdentityProvider();
const sharedKey = await shared.addKey("RS256");
const valid = await shared.sign(sharedKey);
middlewareConformance(
  "bearer",
  async () => (await open(shared)).middleware,
  () => middlewareRequest({ headers: new Headers({ authorization: `Bearer ${valid}` }) }),
);

providerTest("a token passes with any algorithm of the provider's keys", async (provider) => {
  const algorithms = ["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS256"];
  const keys = [];
  for (const algorithm of algorithms) keys.push(await provider.addKey(algorithm));
  // Without `alg` the algorithm follows from the kind of key.
  keys.push(await provider.addKey("RS384", { alg: undefined as unknown as string }));
  keys.push(await provider.addKey("ES512", { alg: undefined as unknown as string }));
  const opened = await open(provider);
  for (const key of keys) {
    assert.equal(await status(opened, `Bearer ${await provider.sign(key)}`), 200, key);
    assert.equal(await status(opened, `bEARER ${await provider.sign(key, { aud: ["x", audience] })}`), 200, key);
  }
});

test("the shared provider can go", async () => {
  await shared.close();
});

providerTest("what is no valid token is refused", async (provider) => {
  const key = await provider.addKey("RS256");
  const other = await provider.addKey("RS256", {}, false);
  const forEncryption = await provider.addKey("RS256", { use: "enc" });
  const opened = await open(provider);
  const now = start / 1000;
  const good = await provider.sign(key);
  const [head = "", payload = "", signature = ""] = good.split(".");
  const encode = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");
  const refused: Record<string, string | undefined> = {
    "no header": undefined,
    "no scheme": good,
    "another scheme": `Basic ${good}`,
    "two blanks": `Bearer  ${good}`,
    "too short": "Bearer 123456789",
    "no token": "Bearer not.a.token",
    "five parts": `Bearer ${good}.a.b`,
    "no signature": `Bearer ${head}.${payload}.`,
    "another payload": `Bearer ${head}.${encode({ iss: provider.url, aud: audience, admin: true })}.${signature}`,
    "algorithm none": `Bearer ${encode({ alg: "none", kid: key })}.${payload}.`,
    "no key id": `Bearer ${await provider.sign(key, {}, { kid: undefined })}`,
    "an unknown key": `Bearer ${await provider.sign(other)}`,
    "a key of this id that did not sign it": `Bearer ${await provider.sign(other, {}, { kid: key })}`,
    "a key for encryption": `Bearer ${await provider.sign(forEncryption)}`,
    "an algorithm that is not the key's": `Bearer ${encode({ alg: "RS512", kid: key })}.${payload}.${signature}`,
    "another audience": `Bearer ${await provider.sign(key, { aud: "other" })}`,
    "no audience": `Bearer ${await provider.sign(key, { aud: undefined as unknown as string })}`,
    "another issuer": `Bearer ${await provider.sign(key, { iss: `${provider.url}/` })}`,
    expired: `Bearer ${await provider.sign(key, { exp: now - 301 })}`,
    "not yet valid": `Bearer ${await provider.sign(key, { nbf: now + 301 })}`,
    "issued later": `Bearer ${await provider.sign(key, { iat: now + 301 })}`,
  };
  for (const [what, authorization] of Object.entries(refused))
    assert.equal(await status(opened, authorization), 401, what);
  for (const claims of [{ exp: now - 299 }, { nbf: now + 299 }, { iat: now + 299 }, { iat: now - 9_999_999 }])
    assert.equal(await status(opened, `Bearer ${await provider.sign(key, claims)}`), 200, JSON.stringify(claims));
});

providerTest(
  "keys are fetched again when they are old or one is unknown, and kept when that fails",
  async (provider) => {
    const first = await provider.addKey("ES256");
    const opened = await open(provider);
    const { clock, warnings } = opened;
    const fetches = () => provider.requests.filter(({ target }) => target === "/keys").length;
    const ask = async (key: string) => status(opened, `Bearer ${await provider.sign(key)}`);
    assert.equal(fetches(), 1);

    const second = await provider.addKey("ES256");
    assert.equal(await ask(second), 401, "too soon to look again");
    assert.equal(fetches(), 1);
    await clock.advance(30_000);
    assert.equal(await ask(second), 200, "a key that is new at the provider");
    assert.equal(fetches(), 2);

    provider.answers.set("/keys", () => ({ status: 503, body: "" }));
    await clock.advance(599_000);
    assert.equal(await ask(first), 200);
    assert.equal(fetches(), 2, "still fresh");
    await clock.advance(2_000);
    assert.equal(await ask(first), 200, "old keys serve while new ones are fetched");
    while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.match(warnings[0] ?? "", /^Error while refreshing JWKS cache: .* status 503$/);
    assert.equal(fetches(), 3);
    assert.equal(await ask(second), 200);
  },
);

providerTest("a provider may say how long its keys are good for", async (provider) => {
  const key = await provider.addKey("ES256");
  const keys = provider.answers.get("/keys");
  assert.ok(keys);
  provider.answers.set("/keys", async (request) => {
    return { headers: { "cache-control": "public, max-age=3600" }, ...(await keys(request)) };
  });
  const opened = await open(provider);
  const token = await provider.sign(key, { exp: start / 1000 + 9999 });
  await opened.clock.advance(3_599_000);
  assert.equal(await status(opened, `Bearer ${token}`), 200);
  assert.equal(provider.requests.filter(({ target }) => target === "/keys").length, 1);
});

providerTest("what stops the start", async (provider) => {
  await provider.addKey("ES256");
  const rejects = (metadata: Record<string, string>, message: RegExp) =>
    assert.rejects(open(provider, metadata), message);
  await rejects({ issuer: "" }, /^DriverError: metadata property 'issuer' is required$/);
  await rejects({ audience: "" }, /^DriverError: metadata property 'audience' is required$/);
  await rejects(
    { issuer: `${provider.url}/` },
    new RegExp(
      `^DriverError: failed to retrieve OpenID Configuration document: the issuer found in the OpenID Configuration document \\('${provider.url}'\\) doesn't match the one provided in the component's metadata \\('${provider.url}/'\\)$`,
    ),
  );
  await rejects({ issuer: `${provider.url}/no` }, /invalid response status code: 404$/);
  await rejects({ jwksURL: `${provider.url}/no` }, /^DriverError: failed to fetch JWKS: .* answered with status 404$/);
  provider.answers.set("/keys", () => ({ body: {} }));
  await rejects({}, /^DriverError: failed to fetch JWKS: the document holds no keys$/);
  provider.answers.set("/.well-known/openid-configuration", () => ({ body: { issuer: provider.url } }));
  await rejects({}, /does not contain a 'jwks_uri'$/);
});

providerTest("other names of the metadata, a fixed address of the keys", async (provider) => {
  const key = await provider.addKey("ES256");
  const given = new Map(
    Object.entries({ issuerURL: "https://elsewhere", clientID: "me", jwksURL: `${provider.url}/keys` }),
  );
  const clock = createVirtualClock(start);
  const middleware = (await driver.open(given, driverContext(platform, "bearer", { clock }))) as HttpMiddleware;
  assert.equal(
    await status({ middleware }, `Bearer ${await provider.sign(key, { iss: "https://elsewhere", aud: "me" })}`),
    200,
  );
  assert.equal(await status({ middleware }, `Bearer ${await provider.sign(key)}`), 401);
  assert.ok(!provider.requests.some(({ target }) => target.includes("well-known")));
});
