import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type InvokeSidecar, startInvokeSidecar } from "../../../test/harness/invoke-sidecar.ts";
import { type RawApp, startRawApp } from "../../../test/harness/raw-app.ts";
import { type RawAnswer, sendRaw } from "../../../test/harness/raw-http.ts";

/** What the app saw of a request. */
interface Seen {
  readonly line: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const platform = await hostPlatform();
/** portable: servers that make the web's Headers join lines of one name. */
const joins =
  "Bun" in globalThis
    ? false
    : "this host's server joins them"; /** portable: Deno's server gives every request but GET and HEAD a body. */
const invents = "Deno" in globalThis ? "this host's server invents bodies" : false;
const seen: Seen[] = [];
const ways = ["own app", "same process", "two processes"] as const;
type Way = (typeof ways)[number];

let app: RawApp;
let callee: InvokeSidecar;
let near: InvokeSidecar;
let far: InvokeSidecar;

/** The head and the body of a request once it is whole; undefined before. */
function parse(all: string): Seen | undefined {
  const cut = all.indexOf("\r\n\r\n");
  if (cut < 0) return undefined;
  const [line = "", ...fields] = all.slice(0, cut).split("\r\n");
  const headers = fields.map((field): [string, string] => {
    const colon = field.indexOf(": ");
    return [field.slice(0, colon), field.slice(colon + 2)];
  });
  const rest = all.slice(cut + 4);
  const length = Number(headers.find(([name]) => name === "content-length")?.[1] ?? 0);
  if (headers.some(([name]) => name === "transfer-encoding")) {
    if (!rest.endsWith("0\r\n\r\n")) return undefined;
    return {
      line,
      headers,
      body: rest.replace(/[0-9a-f]+\r\n([\s\S]*?)\r\n(?=[0-9a-f]+\r\n)/g, "$1").replace(/0\r\n\r\n$/, ""),
    };
  }
  return rest.length < length ? undefined : { line, headers, body: rest };
}

const answers: Readonly<Record<string, string>> = {
  "/ok":
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-a: 1\r\nserver: raw\r\ncontent-length: 2\r\n\r\nok",
  "/chunked":
    "HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
  "/untyped": "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html> hello ",
  "/untyped-stream": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n",
  "/empty": "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
  "/none": "HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n",
  "/moved": "HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n",
  "/missing": "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
  "/untyped-error": "HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops",
  "/odd-bytes": "HTTP/1.1 200 OK\r\nx-name: ä€\r\ncontent-length: 0\r\n\r\n",
  "/hops":
    "HTTP/1.1 200 OK\r\nconnection: x-named, keep-alive\r\nx-named: 1\r\nkeep-alive: timeout=9\r\nte: trailers\r\ntrailer: x\r\nupgrade: h2c\r\nproxy-authenticate: basic\r\nx-data-bin: 00\r\ngrpc-status: 3\r\nx-kept: 1\r\ncontent-length: 0\r\n\r\n",
  "/stale": 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 999\r\n\r\n"ok"',
};

function answer(socket: Socket, all: string): void {
  const request = parse(all);
  if (request === undefined) return;
  seen.push(request);
  const path = request.line.split(" ")[1]!.split("?")[0]!;
  if (path === "/head") socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: 1\r\nconnection: close\r\n\r\n");
  else if (path === "/gone") socket.destroy();
  else
    socket.end(
      answers[path] ??
        `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${request.body.length}\r\n\r\n${request.body}`,
    );
}

before(async () => {
  app = await startRawApp(answer);
  callee = await startInvokeSidecar({
    platform,
    appId: "callee",
    app: { port: app.port, protocol: "http" },
    appToken: "secret",
  });
  near = await startInvokeSidecar({ platform, appId: "caller", neighbours: () => [callee] });
  far = await startInvokeSidecar({
    platform,
    appId: "caller",
    peers: { callee: callee.peerAddress, dead: "127.0.0.1:1" },
  });
});
after(async () => {
  await Promise.all([near.close(), far.close(), callee.close()]);
  await app.close();
});

const portOf = (way: Way): number => ({ "own app": callee, "same process": near, "two processes": far })[way].httpPort;

async function send(
  way: Way,
  request: string,
  extra = "",
  body = "",
): Promise<{ answer: RawAnswer; seen: Seen | undefined }> {
  seen.length = 0;
  const [method = "", path = ""] = request.split(" ");
  const target = path.startsWith("/v1.0") ? path : `/v1.0/invoke/callee/method${path}`;
  const text = `${method} ${target} HTTP/1.1\r\nhost: sidecar\r\nconnection: close\r\n${extra}\r\n${body}`;
  const got = await sendRaw(portOf(way), text);
  return { answer: got, seen: seen.at(-1) };
}

/** Without what differs between the ways, or by the clock. */
const ofApp = (headers: RawAnswer["headers"]) =>
  headers
    .filter(
      ([name]) =>
        !["date", "traceparent", "connection", "transfer-encoding", "content-length", "keep-alive"].includes(name),
    )
    .map((line) => line.join(": "))
    .sort();
const sentTo = (request: Seen | undefined) =>
  (request?.headers ?? [])
    .filter(([name]) => !["host", "traceparent"].includes(name))
    .map((line) => line.join(": "))
    .sort();
const always = ["accept-encoding: gzip", "dapr-api-token: secret", "user-agent: Go-http-client/1.1"];
const stamps = [
  "dapr-callee-app-id: callee",
  "dapr-caller-app-id: caller",
  "dapr-caller-namespace: default",
  "forwarded: for=10.1.2.3;by=10.1.2.3;host=box",
  "x-forwarded-for: 10.1.2.3",
  "x-forwarded-host: box",
];
const expected = (way: Way, ...more: string[]) => [...always, ...(way === "own app" ? [] : stamps), ...more].sort();

for (const way of ways) {
  describe(way, () => {
    it("answers with status, headers and body of the app", async () => {
      const { answer, seen } = await send(way, "GET /ok?a=1&b=%20");
      assert.equal(seen?.line, "GET /ok?a=1&b=%20 HTTP/1.1");
      assert.equal(answer.status, 200);
      assert.equal(answer.body, "ok");
      assert.deepEqual(ofApp(answer.headers), [
        "content-type: text/plain",
        "server: raw",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "x-a: 1",
      ]);
      assert.deepEqual(sentTo(seen), expected(way));
    });

    it("sends a body with its length", async () => {
      const { answer, seen } = await send(way, "POST /echo", "content-type: text/x\r\ncontent-length: 5\r\n", "hello");
      assert.equal(answer.body, "hello");
      assert.deepEqual(sentTo(seen), expected(way, "content-length: 5", "content-type: text/x"));
    });

    it("sends a body in chunks", async () => {
      const { answer, seen } = await send(
        way,
        "PUT /echo",
        "transfer-encoding: chunked\r\n",
        "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
      );
      assert.equal(answer.status, 200);
      assert.equal(answer.body, "onetwo");
      assert.deepEqual(sentTo(seen), expected(way, "transfer-encoding: chunked"));
    });

    it("sends a large body of known length as it comes", async () => {
      const large = "x".repeat(300_000);
      const { answer, seen } = await send(way, "POST /echo", `content-length: ${large.length}\r\n`, large);
      assert.equal(answer.body, large);
      assert.deepEqual(sentTo(seen), expected(way, `content-length: ${large.length}`));
    });

    it("keeps to the app what is not of the connection, and nobody's word for who calls", async () => {
      const { seen } = await send(
        way,
        "GET /ok",
        [
          "connection: x-named",
          "x-named: 1",
          "keep-alive: timeout=5",
          "te: trailers",
          "upgrade: websocket",
          "proxy-authorization: basic x",
          "http2-settings: AAA",
          "x-data-bin: AAAA",
          "destination-app-id: x",
          "dapr-api-token: x",
          "dapr-caller-app-id: forged",
          "dapr-caller-namespace: forged",
          "dapr-callee-app-id: forged",
          "grpc-x: 1",
          "cookie: c=1",
          "authorization: Bearer x",
          "range: bytes=0-1",
          "user-agent: me",
          "accept: */*",
          "",
        ].join("\r\n"),
      );
      const kept = [
        "accept: */*",
        "authorization: Bearer x",
        "cookie: c=1",
        "dapr-grpc-x: 1",
        "range: bytes=0-1",
        "user-agent: me",
      ];
      const wanted = [...kept, "dapr-api-token: secret", ...(way === "own app" ? [] : stamps)].sort();
      assert.deepEqual(sentTo(seen), wanted);
    });

    it("keeps repeated lines apart, but what may be there once", { skip: joins }, async () => {
      const repeated = "x-a: 1\r\nx-a: 2\r\ncookie: a=1\r\ncookie: b=2\r\ncontent-type: a/b\r\ncontent-type: c/d\r\n";
      const { seen } = await send(way, "GET /ok", repeated);
      const kept = ["content-type: a/b", "cookie: a=1", "cookie: b=2", "x-a: 1", "x-a: 2"];
      assert.deepEqual(sentTo(seen), expected(way, ...kept));
    });

    it("takes the first of several app ids", async () => {
      const { answer } = await send(way, "GET /v1.0", "dapr-app-id: callee\r\ndapr-app-id: none\r\n");
      assert.equal(answer.status, 200);
    });

    it("sends DELETE without a body where there is none", { skip: invents }, async () => {
      const { seen } = await send(way, "DELETE /ok");
      assert.deepEqual(sentTo(seen), expected(way));
    });

    it("takes an error without a type for JSON, unless the request was sent in chunks", async () => {
      const { answer } = await send(way, "POST /untyped-error", "content-length: 1\r\n", "x");
      assert.deepEqual([answer.body, ofApp(answer.headers)], ["oops", ["content-type: application/json"]]);
      const chunked = await send(way, "POST /untyped-error", "transfer-encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n");
      assert.deepEqual(ofApp(chunked.answer.headers), ["content-type: text/plain; charset=utf-8"]);
    });

    it("passes the bytes of header values on in both directions", async () => {
      const { answer, seen } = await send(way, "GET /odd-bytes", "x-name: \u00c3\u00bc\r\n");
      assert.deepEqual(sentTo(seen), expected(way, "x-name: \u00c3\u00bc"));
      assert.deepEqual(ofApp(answer.headers), ["x-name: \u00c3\u00a4\u00e2\u0082\u00ac"]);
    });

    it("drops from the answer what belongs to the connection", async () => {
      const { answer } = await send(way, "GET /hops");
      assert.deepEqual(ofApp(answer.headers), ["dapr-grpc-status: 3", "x-kept: 1"]);
    });

    it("passes the trace on", async () => {
      const parent = "00-11111111111111111111111111111111-2222222222222222-01";
      const { answer, seen } = await send(
        way,
        "GET /ok",
        `traceparent: ${parent}\r\ntracestate: a=1\r\nbaggage: k=v\r\n`,
      );
      assert.deepEqual(
        seen?.headers.filter(([name]) => /^(trace|bagg)/.test(name)),
        [
          ["traceparent", parent],
          ["tracestate", "a=1"],
          ["baggage", "k=v"],
        ],
      );
      assert.ok(answer.headers.some(([name, value]) => name === "traceparent" && value === parent));
    });

    it("gives a body without a type the type it looks like", async () => {
      const typeOf = async (path: string) =>
        (await send(way, `GET ${path}`)).answer.headers.find(([name]) => name === "content-type")?.[1];
      assert.equal(await typeOf("/untyped"), "text/html; charset=utf-8");
      assert.equal(await typeOf("/untyped-stream"), "text/plain; charset=utf-8");
      assert.equal(await typeOf("/empty"), undefined);
    });

    it("passes chunks, empty answers, redirects and errors", async () => {
      const brief = async (request: string) => {
        const { answer } = await send(way, request);
        return [answer.status, answer.body, ...ofApp(answer.headers)];
      };
      assert.deepEqual(await brief("GET /chunked"), [201, "onetwo", "content-type: text/plain"]);
      assert.deepEqual(await brief("DELETE /none"), [204, "", "x-a: 1"]);
      assert.deepEqual(await brief("GET /moved"), [302, "", "location: /ok"]);
      assert.deepEqual(await brief("GET /missing"), [404, "{}", "content-type: application/json"]);
      assert.deepEqual(await brief("HEAD /head"), [200, "", "x-a: 1"]);
      assert.deepEqual(await brief("GET /stale"), [200, '"ok"', "content-type: text/plain"]);
    });

    it("cleans and escapes the method", async () => {
      const lineOf = async (path: string) => (await send(way, `GET ${path}`)).seen?.line.split(" ")[1];
      assert.equal(await lineOf("/a%20b%2Fc%C3%A4+;=@~"), "/a%20b/c%C3%A4+;=@~");
      assert.equal(await lineOf("//a//b/"), "/a/b");
      assert.equal(await lineOf("/a%2525b"), "/a%25b");
      assert.equal(await lineOf("/"), "/");
      const bad = async (path: string) => (await send(way, `GET ${path}`)).answer;
      assert.equal((await bad("/a%23b")).status, 500);
      assert.deepEqual(JSON.parse((await bad("/a%23b")).body), {
        errorCode: "ERR_DIRECT_INVOKE",
        message:
          'failed to invoke, id: callee, err: rpc error: code = InvalidArgument desc = invalid method: method contains forbidden character: "a#b"',
      });
      assert.match((await bad("/a%25b")).body, /parse \\"http:\/\/127.0.0.1:\d+\/a%b\\": invalid URL escape \\"%b\\"/);
    });

    it("says what became of an app that gives no answer", async () => {
      const { answer } = await send(way, "GET /gone?x=1");
      const hop = way === "own app" ? "" : "rpc error: code = Internal desc = error invoking app channel: ";
      assert.equal(answer.status, 500);
      assert.deepEqual(JSON.parse(answer.body), {
        errorCode: "ERR_DIRECT_INVOKE",
        message: `failed to invoke, id: callee, err: ${hop}Get "http://127.0.0.1:${app.port}/gone?x=1": EOF`,
      });
    });

    it("tells who wants events of other answers only where no hop is between", async () => {
      const { answer } = await send(way, "GET /missing", "accept: text/event-stream\r\n");
      if (way === "own app") {
        assert.equal(answer.status, 404);
        return;
      }
      assert.equal(answer.status, 500);
      assert.deepEqual(JSON.parse(answer.body), {
        errorCode: "ERR_DIRECT_INVOKE",
        message:
          "failed to invoke, id: callee, err: rpc error: code = Internal desc = error invoking app channel: no response received from stream",
      });
    });

    it("names the app in a header or in basic authentication", async () => {
      const port = portOf(way);
      const line = async (extra: string) => {
        seen.length = 0;
        await sendRaw(port, `GET /v1.0/other/..%2Fx HTTP/1.1\r\nhost: sidecar\r\nconnection: close\r\n${extra}\r\n`);
        return [seen.at(-1)?.line, seen.at(-1)?.headers.some(([name]) => name === "dapr-app-id")];
      };
      assert.deepEqual(await line("dapr-app-id: callee\r\n"), ["GET /v1.0/x HTTP/1.1", false]);
      assert.deepEqual(await line(`authorization: Basic ${btoa("dapr-app-id:callee")}\r\n`), [
        "GET /v1.0/x HTTP/1.1",
        false,
      ]);
    });
  });
}

describe("a call that finds nobody", () => {
  it("without an app id is no route", async () => {
    const answer = await sendRaw(near.httpPort, "GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert.equal(answer.status, 404);
    assert.equal(JSON.parse(answer.body).errorCode, "ERR_DIRECT_INVOKE");
  });
  for (const [id, reason] of [
    ["ghost", "couldn't find service: ghost"],
    ["a.b.c", "invalid app id a.b.c"],
    ["caller", "cannot invoke local endpoint: app channel not initialized"],
  ] as const) {
    it(id, async () => {
      const answer = await sendRaw(
        far.httpPort,
        `GET /v1.0/invoke/${id}/method/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
      );
      assert.equal(answer.status, 500);
      assert.deepEqual(JSON.parse(answer.body), {
        errorCode: "ERR_DIRECT_INVOKE",
        message: `failed to invoke, id: ${id}, err: ${reason}`,
      });
    });
  }
});
