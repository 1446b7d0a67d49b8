import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpMiddleware } from "../../../src/driver/middleware.ts";
import { createVirtualClock, type VirtualClock } from "../../../src/kit/virtual-clock.ts";
import { middlewareConformance, middlewareRequest, type Passed, pass } from "../../../test/conformance/middleware.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type IdentityProvider, providerTest, startIdentityProvider } from "../../../test/harness/identity-provider.ts";
import driver from "./http.oauth2.ts";
import { createSessions } from "./sessions.ts";

const platform = await hostPlatform();

interface Opened {
  readonly middleware: HttpMiddleware;
  readonly clock: VirtualClock;
}

async function open(provider: IdentityProvider, metadata: Record<string, string> = {}): Promise<Opened> {
  const clock = createVirtualClock(1_700_000_000_000);
  const given = {
    clientID: "me",
    clientSecret: "secret",
    scopes: "a,b",
    authURL: "https://provider/auth?x=1",
    tokenURL: `${provider.url}/token`,
    redirectURL: "https://app/back",
    ...metadata,
  };
  const context = driverContext(platform, "oauth2", { clock });
  return { middleware: (await driver.open(new Map(Object.entries(given)), context)) as HttpMiddleware, clock };
}

/** A browser: it keeps the cookie that it got last. */
function browser({ middleware }: Opened) {
  let cookie = "";
  return {
    get cookie() {
      return cookie;
    },
    async get(target: string): Promise<Passed> {
      const [path = "", query = ""] = target.split("?");
      const headers = new Headers({ host: "app.example" });
      if (cookie !== "") headers.set("cookie", `other=1; ${cookie}`);
      const passed = await pass(middleware, middlewareRequest({ path, query, headers }));
      cookie = passed.response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
      return passed;
    },
  };
}

const stateOf = ({ response }: Passed): string =>
  new URL(response.headers.get("location") ?? "").searchParams.get("state") ?? "";

/** Goes to a page, to the provider and back. */
async function signIn(visitor: ReturnType<typeof browser>, page = "/page?q=1"): Promise<Passed> {
  const state = stateOf(await visitor.get(page));
  return visitor.get(`/back?state=${state}&code=c1`);
}

const shared = await startIdentityProvider();
let signedIn = "";
middlewareConformance(
  "oauth2",
  async () => {
    const opened = await open(shared);
    const visitor = browser(opened);
    await signIn(visitor);
    signedIn = visitor.cookie;
    return opened.middleware;
  },
  () => middlewareRequest({ headers: new Headers({ cookie: signedIn }) }),
);
test("the shared provider can go", async () => {
  await shared.close();
});

providerTest("a caller is sent to the provider, back, and then carries a token", async (provider) => {
  const visitor = browser(await open(provider));
  const sent = await visitor.get("/page?q=1");
  assert.deepEqual([sent.request, sent.response.status, sent.text], [undefined, 302, ""]);
  const state = stateOf(sent);
  assert.match(state, /^[0-9a-f-]{36}$/);
  assert.equal(
    sent.response.headers.get("location"),
    `https://provider/auth?x=1&access_type=offline&client_id=me&redirect_uri=https%3A%2F%2Fapp%2Fback&response_type=code&scope=a+b&state=${state}`,
  );
  assert.match(
    sent.response.headers.get("set-cookie") ?? "",
    /^gosessionsid=[0-9a-f]{64}; Path=\/; Max-Age=7200; HttpOnly; SameSite=Lax$/,
  );
  const before = visitor.cookie;

  const back = await visitor.get(`/back?state=${state}&code=c1`);
  assert.deepEqual([back.response.status, back.response.headers.get("location")], [302, "/page?q=1"]);
  assert.deepEqual(Object.fromEntries(provider.requests[0]?.form ?? []), {
    code: "c1",
    grant_type: "authorization_code",
    redirect_uri: "https://app/back",
  });
  assert.notEqual(visitor.cookie, before, "who knew the session before does not share what it is now");

  const { request } = await visitor.get("/page?q=1&state=of-the-app");
  assert.equal(request?.headers.get("authorization"), "Bearer secret-token");
  assert.equal(request?.query, "q=1&state=of-the-app");
});

providerTest("who comes back without having been sent, or with something else, stays out", async (provider) => {
  const opened = await open(provider);
  const stranger = await browser(opened).get("/back?state=x&code=c");
  assert.deepEqual([stranger.response.status, stranger.text], [500, "Internal Server Error"]);
  const visitor = browser(opened);
  const state = stateOf(await visitor.get("/page"));
  const wrong = await visitor.get("/back?state=x&code=c");
  assert.deepEqual([wrong.response.status, wrong.text], [400, "invalid state"]);
  const other = await browser(opened).get(`/back?state=${state}&code=c`);
  assert.equal(other.response.status, 500, "the state belongs to its session");
  const none = await visitor.get(`/back?state=${state}`);
  assert.deepEqual([none.response.status, none.text], [400, "code not found"]);
  provider.answers.set("/token", () => ({ status: 400, body: { error: "invalid_grant" } }));
  const refused = await visitor.get(`/back?state=${state}&code=c`);
  assert.deepEqual([refused.response.status, refused.text], [500, "Internal Server Error"]);
  assert.equal((await visitor.get("/page")).response.status, 302);
  assert.equal((await visitor.get(`/back?state=${state}&code=c`)).response.status, 500);
});

providerTest("two pages that were opened at once both lead back", async (provider) => {
  const visitor = browser(await open(provider));
  const first = stateOf(await visitor.get("/one"));
  stateOf(await visitor.get("/two"));
  assert.equal((await visitor.get(`/back?state=${first}&code=c`)).response.headers.get("location"), "/one");
});

providerTest("a session ends after two hours", async (provider) => {
  const opened = await open(provider);
  const visitor = browser(opened);
  await signIn(visitor);
  await opened.clock.advance(7_199_999);
  assert.equal((await visitor.get("/page")).response.status, 200);
  await opened.clock.advance(1);
  assert.equal((await visitor.get("/page")).response.status, 302);
});

providerTest("a header of one's own, https, paths that are let through", async (provider) => {
  const visitor = browser(
    await open(provider, {
      authHeaderName: "x-user",
      forceHTTPS: "true",
      pathFilter: "^/in",
      scopes: "",
      redirectURL: "",
    }),
  );
  assert.equal((await visitor.get("/out")).response.status, 200);
  assert.equal(visitor.cookie, "");
  const sent = await visitor.get("//in//page");
  assert.equal(sent.response.status, 200, "the filter sees the path as it came");
  const started = await visitor.get("/in/page");
  assert.doesNotMatch(started.response.headers.get("location") ?? "", /scope|redirect_uri/);
  assert.match(started.response.headers.get("set-cookie") ?? "", /; Secure$/);
  const back = await visitor.get(`/in/back?state=${stateOf(started)}&code=c`);
  assert.equal(back.response.headers.get("location"), "https://app.example/in/page");
  assert.equal((await visitor.get("/in")).request?.headers.get("x-user"), "Bearer secret-token");
});

providerTest("the way back stays on this host", async (provider) => {
  const back = await signIn(browser(await open(provider)), "//evil.example/x");
  assert.equal(back.response.headers.get("location"), "/evil.example/x");
});

test("callers who never come back do not fill the memory, nor push out those who did", () => {
  const clock = createVirtualClock();
  const sessions = createSessions({ clock, random: platform.random, isSecure: false });
  const cookieOf = (lines: readonly (readonly [string, string])[]) => lines[0]?.[1].split(";")[0] ?? "";
  const first = cookieOf(sessions.begin(undefined, "s", "/"));
  const session = sessions.find(first);
  assert.ok(session);
  const known = cookieOf(sessions.signIn(session, "token"));
  const second = cookieOf(sessions.begin(undefined, "s", "/"));
  for (let count = 0; count < 10_000; count++) sessions.begin(undefined, "s", "/");
  assert.equal(sessions.find(first), undefined);
  assert.equal(sessions.find(second), undefined);
  assert.equal(sessions.find(known)?.token, "token");
});
