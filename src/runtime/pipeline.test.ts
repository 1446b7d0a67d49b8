import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createHttpApi } from "../api/http/app.ts";
import type { PipelineRequest, Route } from "../api/http/route.ts";
import type { HttpMiddleware, MiddlewareNext, MiddlewareRequest, MiddlewareResponse } from "../driver/middleware.ts";
import type { LoadedComponent } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import { type HttpCall, type HttpReply, readBody } from "../kit/http-message.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { UpgradeResponse } from "../kit/websocket/upgrade-response.ts";
import type { Log } from "../telemetry/ports.ts";
import { createTracer } from "../telemetry/trace.ts";
import { createAppPipeline, createServerPipeline, pipelineSteps, warnOfMissing } from "./pipeline.ts";
import { linesOf } from "./pipeline-headers.ts";

type Handle = (request: MiddlewareRequest, next: MiddlewareNext) => MiddlewareResponse | Promise<MiddlewareResponse>;

const step = (handle: Handle): HttpMiddleware => ({ handle, close: async () => {} });
const utf8 = new TextEncoder();

/** A component table of middlewares: name to type, version and what it does. */
function table(entries: Record<string, readonly [type: string, version: string, instance: HttpMiddleware]>) {
  return {
    find: (category: string, name: string) => {
      const entry = category === "middleware" ? entries[name] : undefined;
      if (entry === undefined) return undefined;
      return { name, type: entry[0], version: entry[1], instance: entry[2] } as LoadedComponent<"middleware">;
    },
  } as Pick<Components, "find">;
}

test("handlers run in their order, when name, type and version fit a component", () => {
  const [a, b] = [step(() => new Response("a")), step(() => new Response("b"))];
  const entries: Record<string, readonly [string, string, HttpMiddleware]> = {
    a: ["middleware.http.x", "", a],
    b: ["middleware.http.y", "v1", b],
    two: ["middleware.http.x", "v2", a],
  };
  const components = table(entries);
  const handler = (name: string, type = "x", version = "") => ({ name, type: `middleware.http.${type}`, version });
  const warnings: string[] = [];
  const log = { warn: (text: string) => void warnings.push(text) } as unknown as Log;
  assert.equal(pipelineSteps([], components), undefined);
  const handlers = [handler("b", "y"), handler("none"), handler("a", "x", "v1"), handler("a", "y"), handler("two")];
  const steps = pipelineSteps(handlers, components);
  assert.deepEqual(steps?.(), [b, a]);
  assert.deepEqual(pipelineSteps([handler("two", "x", "v2"), handler("two", "x", "v2")], components)?.(), [a, a]);
  warnOfMissing(handlers, components, log);
  assert.deepEqual(
    warnings.map((text) => text.split(" is ")[0]),
    ["none", "a", "two"].map(
      (name) => `middleware "${name}" (middleware.http.${name === "a" ? "y" : "x"}/v1) of a pipeline`,
    ),
  );
  delete entries["a"];
  entries["none"] = ["middleware.http.x", "v1", a];
  assert.deepEqual(steps?.(), [b, a], "components come and go");
});

const routes: readonly Route[] = [
  {
    methods: ["GET", "POST"],
    version: "v1.0",
    path: "/echo/:key",
    group: "state",
    handle: async (request) => {
      const body = new TextDecoder().decode(await request.body());
      const told = { key: request.param("key"), query: request.query, body, own: request.headers.get("x-own") };
      return new Response(JSON.stringify({ ...told, token: request.headers.get("dapr-api-token") }), {
        headers: { "x-route": request.method },
      });
    },
  },
];

function serve(...handles: Handle[]) {
  const clock = createVirtualClock();
  const random = { bytes: (length: number) => new Uint8Array(length), uuid: () => "", fraction: () => 0 };
  const api = createHttpApi({
    routes,
    clock,
    tracer: createTracer({ samplingRate: "0", hasExporter: false, random }),
    token: "t",
    bodyLimit: 10,
    pipeline: createServerPipeline(() => handles.map(step)),
  });
  return async (target: string, init: RequestInit = {}) => {
    const headers = { "dapr-api-token": "t", ...(init.headers as Record<string, string>) };
    const info = { remoteAddress: "10.0.0.1", remotePort: 99 };
    return api(new Request(`http://h${target}`, { ...init, headers }), info);
  };
}

test("in front of the API: the request as it is, changed, and an answer instead", async () => {
  const seen: unknown[] = [];
  const plain = serve((request, next) => {
    const { method, path, query, caller, headers } = request;
    seen.push([method, path, query, caller.address, caller.port, headers.get("dapr-api-token")]);
    return next(request);
  });
  const post = { method: "POST", body: "hi" };
  const same = await plain("/v1.0/echo/a%2Fb?q=1", post);
  assert.deepEqual(await same.json(), { key: "a/b", query: "q=1", body: "hi", own: null, token: null });
  assert.equal(same.headers.get("x-route"), "POST");
  assert.deepEqual(seen, [["POST", "/v1.0/echo/a%2Fb", "q=1", "10.0.0.1", 99, null]]);

  const changing = serve(
    (request, next) => next({ ...request, path: "/v1.0/echo/new", query: "z=%20" }),
    async (request, next) => {
      const headers = new Headers(request.headers);
      headers.set("x-own", request.path);
      const body = utf8.encode(new TextDecoder().decode(await readBody(request.body)).repeat(2));
      headers.delete("content-length");
      const { status, headers: told, body: answer } = await next({ ...request, headers, body });
      told.set("x-more", "1");
      return { status: status + 1, headers: told, body: answer };
    },
  );
  const changed = await changing("/elsewhere", post);
  assert.equal(changed.status, 201);
  assert.equal(changed.headers.get("x-more"), "1");
  assert.deepEqual(await changed.json(), {
    key: "new",
    query: "z=%20",
    body: "hihi",
    own: "/v1.0/echo/new",
    token: null,
  });

  const refusing = serve(() => ({ status: 403, headers: new Headers({ "x-why": "no" }), body: utf8.encode("no") }));
  const refused = await refusing("/v1.0/echo/a");
  assert.deepEqual([refused.status, refused.headers.get("x-why"), await refused.text()], [403, "no", "no"]);
  assert.equal(
    (await refusing("/v1.0/echo/a", { headers: { "dapr-api-token": "wrong" } })).status,
    401,
    "the token is first",
  );
  const empty = serve(() => ({ status: 204, headers: new Headers(), body: utf8.encode("dropped") }));
  assert.equal(await (await empty("/")).text(), "");
});

test("in front of the API: a WebSocket stays one, or its taker hears that it does not", async () => {
  const given = { raw: new Request("http://x/"), path: "/" } as unknown as PipelineRequest;
  const outcomes: string[] = [];
  const upgrade = () =>
    new UpgradeResponse(new Headers({ "x-app": "1" }), {
      opened: () => {
        throw new Error("nobody opens it here");
      },
      missed: () => void outcomes.push("missed"),
    });
  const through = (handle: Handle) => createServerPipeline(() => [step(handle)])(given, async () => upgrade());
  const same = await through((request, next) => next(request));
  assert.ok(same instanceof UpgradeResponse && same.headers.get("x-app") === "1");
  const changed = await through(async (request, next) => {
    const { status } = await next(request);
    return { status, headers: new Headers({ "x-own": "2" }), body: utf8.encode("what") };
  });
  assert.ok(changed instanceof UpgradeResponse && changed.headers.get("x-own") === "2");
  assert.deepEqual(outcomes, []);
  const refused = await through(async (request, next) => {
    await next(request);
    return { status: 403, headers: new Headers(), body: null };
  });
  assert.equal(refused.status, 403);
  const failing = through(async (request, next) => {
    await next(request);
    throw new Error("broken");
  });
  await assert.rejects(Promise.resolve(failing), /broken/);
  assert.deepEqual(outcomes, ["missed", "missed"]);
});

test("in front of the API: errors of routes are answers, those of middlewares too, and the limit holds for all", async () => {
  let seen = 0;
  const watching = serve(async (request, next) => {
    const answer = await next(request);
    seen = answer.status;
    return answer;
  });
  const unknown = await watching("/nope");
  assert.match(await unknown.text(), /ERR_DIRECT_INVOKE/);
  assert.deepEqual([unknown.status, seen], [404, 404]);
  const broken = serve(() => {
    throw new Error("oops");
  });
  assert.deepEqual(
    [(await broken("/")).status, await (await broken("/")).json()],
    [500, { errorCode: "ERROR", message: "oops" }],
  );
  const long = { method: "POST", body: "longer than ten" };
  const reading = serve(async (request) => new Response(await new Response(request.body as ReadableStream).text()));
  assert.match(await (await reading("/", long)).text(), /stream too large/);
  const growing = serve((request, next) => next({ ...request, headers: new Headers(), body: utf8.encode(long.body) }));
  assert.match(await (await growing("/v1.0/echo/a", { method: "POST", body: "x" })).text(), /stream too large/);
});

const { signal } = new AbortController();

function callOf(change: Partial<HttpCall> = {}): HttpCall {
  return {
    method: "GET",
    path: "/a/../b",
    query: "x=%zz",
    headers: [
      ["X-Own", "é1"],
      ["x-own", "2"],
    ],
    body: null,
    ...change,
  };
}

const replyOf = (change: Partial<HttpReply> = {}): HttpReply => ({
  status: 299,
  headers: [
    ["Set-Cookie", "a=1"],
    ["set-cookie", "b=2"],
  ],
  body: null,
  ...change,
});

test("around the app: what is not changed stays the very same", async () => {
  const call = callOf({ method: "TRACE", body: utf8.encode("body of a TRACE") });
  const reply = replyOf({ status: 700 });
  const through = createAppPipeline(() => [
    step((request, next) => next(request)),
    step((request, next) => next(request)),
  ]);
  const answer = await through(call, signal, async (passed, given) => {
    assert.equal(passed, call);
    assert.equal(given, signal);
    return reply;
  });
  assert.equal(answer, reply);
  const none = createAppPipeline(() => []);
  assert.equal(await none(call, signal, async (passed) => (passed === call ? reply : replyOf())), reply);
  const looking = createAppPipeline(() => [
    step(async (request, next) => {
      assert.equal(request.headers.get("x-own"), "é1, 2");
      const { headers, status, body } = await next({ ...request });
      assert.deepEqual(headers.getSetCookie(), ["a=1", "b=2"]);
      return { status, headers, body };
    }),
  ]);
  const looked = await looking(callOf(), signal, async (passed) => {
    assert.deepEqual(passed, callOf());
    return replyOf();
  });
  assert.deepEqual(
    looked.headers.map(([name, value]) => [name.toLowerCase(), value]),
    [
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ],
  );
});

test("around the app: changes, and answers instead of the app's", async () => {
  const changing = createAppPipeline(() => [
    step(async (request, next) => {
      const headers = new Headers(request.headers);
      headers.append("x-own", "3");
      headers.set("x-new", "1");
      const answer = await next({ ...request, path: "/c", query: "", headers });
      answer.headers.append("set-cookie", "c=3");
      answer.headers.append("set-cookie", "d=4");
      return answer;
    }),
  ]);
  const answer = await changing(callOf(), signal, async (passed) => {
    assert.deepEqual(passed, {
      ...callOf({ path: "/c", query: "" }),
      headers: [
        ["X-Own", "é1"],
        ["x-own", "2"],
        ["x-new", "1"],
        ["x-own", "3"],
      ],
    });
    return replyOf();
  });
  assert.deepEqual(answer, {
    ...replyOf(),
    headers: [
      ["Set-Cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["set-cookie", "c=3"],
      ["set-cookie", "d=4"],
    ],
  });
  const refusing = createAppPipeline(() => [
    step(() => new Response("no", { status: 401, headers: { "content-type": "text/x" } })),
  ]);
  const refused = await refusing(callOf(), signal, () => assert.fail("the app was called"));
  assert.deepEqual([refused.status, refused.headers], [401, [["content-type", "text/x"]]]);
  assert.equal(new TextDecoder().decode(await readBody(refused.body)), "no");
  const failing = createAppPipeline(() => [step((request, next) => next(request))]);
  const error = new Error("gone");
  await assert.rejects(
    failing(callOf(), signal, () => Promise.reject(error)),
    (thrown) => thrown === error,
  );
});

test("around the app: what flows after an upgrade is no body", async () => {
  const bytes = () => new ReadableStream<Uint8Array>();
  const [sent, received] = [bytes(), bytes()];
  const asked: HttpCall = { method: "GET", path: "/a", query: "", headers: [], body: sent, upgrade: "websocket" };
  const seen: unknown[] = [];
  const changing = createAppPipeline(() => [
    step(async (request, next) => {
      seen.push(request.body);
      const answer = await next({ ...request, path: "/b", body: new Uint8Array(1) });
      seen.push(answer.body);
      return { status: answer.status, headers: answer.headers, body: new Uint8Array(2) };
    }),
  ]);
  const agreed = await changing(asked, new AbortController().signal, async (call) => {
    seen.push(call.path, call.upgrade, call.body === sent);
    return { status: 101, headers: [["x", "1"]], body: received };
  });
  assert.deepEqual(seen, [null, "/b", "websocket", true, null]);
  assert.equal(agreed.status, 101);
  assert.deepEqual(agreed.headers, [["x", "1"]]);
  assert.equal(agreed.body, received);
  const refused = await changing(asked, new AbortController().signal, async () => ({
    status: 403,
    headers: [],
    body: null,
  }));
  assert.deepEqual([refused.status, refused.body], [403, new Uint8Array(2)]);
});

test("headers that nobody touched go out as the lines they were", () => {
  const name = fc.constantFrom("a", "B", "x-c", "cookie", "Set-Cookie");
  const value = fc.stringMatching(/^[!-~]([ -~]{0,6}[!-~])?$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), value, (lines, added) => {
      const headers = new Headers();
      for (const [key, text] of lines) headers.append(key, text);
      assert.deepEqual(linesOf(headers, lines), lines);
      headers.append("x-c", added);
      assert.deepEqual(linesOf(headers, lines), [...lines, ["x-c", added]]);
      headers.delete("x-c");
      assert.deepEqual(
        linesOf(headers, lines),
        lines.filter(([key]) => key !== "x-c"),
      );
    }),
  );
  assert.deepEqual(
    linesOf(new Headers({ a: "1" }), [
      ["bad name", "x"],
      ["a", "1"],
    ]),
    [["a", "1"]],
  );
});
