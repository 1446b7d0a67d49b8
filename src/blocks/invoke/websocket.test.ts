import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type InvokeSidecar, startInvokeSidecar } from "../../../test/harness/invoke-sidecar.ts";
import {
  askForWebSocket,
  type RawWebSocket,
  type SocketApp,
  type SocketRequest,
  sampleKey,
  startSocketApp,
} from "../../../test/harness/raw-websocket.ts";

import { resiliencyResource } from "../../../test/harness/resiliency.ts";
import { createGrpcServer } from "../../api/grpc/server.ts";

const platform = await hostPlatform();
const ways = ["own app", "same process", "two processes"] as const;
type Way = (typeof ways)[number];
const limit = 1 << 20;

let app: SocketApp;
let callee: InvokeSidecar;
let near: InvokeSidecar;
let far: InvokeSidecar;
/** The app's ends, in the order of arrival. */
const ends: RawWebSocket[] = [];
let refusals = 0;
/** Clients that leave as soon as the app has agreed. */
const leaving: Socket[] = [];

async function handle(request: SocketRequest): Promise<void> {
  const path = request.path.split("?")[0];
  const { socket } = request;
  if (path === "/refuse") {
    socket.end(
      "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\nx-why: because\r\ncontent-length: 5\r\n\r\nnever",
    );
  } else if (path === "/plain") socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  else if (path === "/gone") socket.destroy();
  else if (path === "/wrong-key") socket.end("HTTP/1.1 101 X\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n");
  else if (path === "/extension") await request.accept("sec-websocket-extensions: permessage-deflate");
  else if (path === "/foreign") await request.accept("sec-websocket-protocol: other");
  else if (path === "/leave") {
    await request.accept();
    leaving[Number(request.path.split("?")[1])]?.destroy();
  } else if (path === "/later" && refusals-- > 0)
    socket.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
  else {
    const protocols = request.headers["sec-websocket-protocol"]?.split(", ") ?? [];
    const chosen = path === "/chosen" ? [`sec-websocket-protocol: ${protocols.at(-1)}`] : [];
    ends.push(await request.accept("x-app: yes", "set-cookie: a=1", "set-cookie: b=2", ...chosen));
  }
}

before(async () => {
  app = await startSocketApp(handle);
  const common = { platform, bodyLimit: limit } as const;
  callee = await startInvokeSidecar({
    ...common,
    appId: "callee",
    app: { port: app.port, protocol: "http" },
    appToken: "secret",
    access: {
      refuses: (caller, method) =>
        method === "secret" || method === "/secret" ? `access denied for ${caller?.appId}` : undefined,
    },
  });
  near = await startInvokeSidecar({ ...common, appId: "caller", neighbours: () => [callee] });
  far = await startInvokeSidecar({
    ...common,
    appId: "caller",
    peers: { callee: callee.peerAddress, dead: "127.0.0.1:1" },
  });
});
after(async () => {
  await Promise.all([near.close(), far.close(), callee.close()]);
  await app.close();
});

const portOf = (way: Way): number => ({ "own app": callee, "same process": near, "two processes": far })[way].httpPort;

async function open(way: Way, path = "/echo", lines: Record<string, string | undefined> = {}) {
  ends.length = 0;
  const answer = await askForWebSocket(portOf(way), `/v1.0/invoke/callee/method${path}`, lines);
  assert.equal(answer.status, 101, await answer.body);
  const own = ends[0];
  assert.ok(answer.end !== undefined && own !== undefined);
  return { answer, client: answer.end, app: own, request: app.requests.at(-1) as SocketRequest };
}

async function gone(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !what(); ) {
    const open = app.requests
      .filter(({ socket }) => !socket.destroyed)
      .map(({ path, socket }) => `${path} ${socket.readyState}`);
    assert.ok(Date.now() < end, `waited 60 s; of ${app.open} these are still open: ${open.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const way of ways) {
  describe(`a WebSocket: ${way}`, () => {
    it("carries texts and bytes both ways", async () => {
      const { client, app } = await open(way, "/echo?a=1&b=%20");
      client.send("text", "hello €");
      assert.deepEqual(await app.next(), ["text", "hello €"]);
      client.send("binary", Uint8Array.of(0, 255, 1));
      assert.deepEqual(await app.next(), ["binary", Uint8Array.of(0, 255, 1)]);
      app.send("text", "salut");
      assert.deepEqual(await client.next(), ["text", "salut"]);
      app.send("binary", new Uint8Array(100_000).fill(3));
      assert.deepEqual(await client.next(), ["binary", new Uint8Array(100_000).fill(3)]);
      client.send("binary", new Uint8Array(200_000).fill(4));
      assert.deepEqual(await app.next(), ["binary", new Uint8Array(200_000).fill(4)]);
      app.send("text", "");
      assert.deepEqual(await client.next(), ["text", ""]);
      client.socket.destroy();
    });

    it("asks the app as a call does", async () => {
      const parent = "00-11111111111111111111111111111111-2222222222222222-01";
      const { request, answer, client } = await open(way, "/echo?a=1", {
        traceparent: parent,
        "x-own": "1",
        "dapr-api-token": "x",
        "sec-websocket-extensions": "permessage-deflate",
        connection: "x-hop, Upgrade",
        "x-hop": "1",
        origin: "http://page",
        cookie: "c=1",
      });
      const { path, headers } = request;
      assert.equal(path, "/echo?a=1");
      assert.equal(headers["traceparent"], parent);
      assert.equal(headers["dapr-api-token"], "secret");
      assert.equal(headers["x-own"], "1");
      assert.equal(headers["origin"], "http://page");
      assert.equal(headers["cookie"], "c=1");
      assert.equal(headers["upgrade"], "websocket");
      assert.equal(headers["connection"], "Upgrade");
      assert.equal(headers["sec-websocket-version"], "13");
      for (const name of ["sec-websocket-extensions", "x-hop", "content-length", "transfer-encoding"])
        assert.equal(headers[name], undefined, name);
      assert.equal(headers["dapr-caller-app-id"], way === "own app" ? undefined : "caller");
      assert.equal(answer.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
      assert.equal(answer.headers["sec-websocket-extensions"], undefined);
      assert.equal(answer.headers["sec-websocket-protocol"], undefined);
      // portable: Deno's own server adds nothing to its answer
      if (platform.name !== "deno") {
        assert.equal(answer.headers["x-app"], "yes");
        assert.equal(answer.headers["set-cookie"], "a=1, b=2");
        assert.equal(answer.headers["traceparent"], parent);
      }
      client.socket.destroy();
    });

    it("agrees on the subprotocol that the app chooses, or on none", async () => {
      const chosen = await open(way, "/chosen", { "sec-websocket-protocol": "one, two" });
      assert.equal(chosen.request.headers["sec-websocket-protocol"], "one, two");
      assert.equal(chosen.answer.headers["sec-websocket-protocol"], "two");
      chosen.client.socket.destroy();
      const none = await open(way, "/echo", { "sec-websocket-protocol": "one, two" });
      assert.equal(none.answer.headers["sec-websocket-protocol"], undefined);
      none.client.socket.destroy();
    });

    it("passes close codes and reasons, whoever begins", async () => {
      const first = await open(way);
      first.client.close(4001, "enough");
      assert.deepEqual(await first.app.next(), ["close", 4001, "enough"]);
      first.app.close(4001, "enough");
      first.app.socket.end();
      assert.deepEqual((await first.client.next())[0], "close");
      const second = await open(way);
      second.app.close(1011, "my fault");
      assert.deepEqual(await second.client.next(), ["close", 1011, "my fault"]);
      second.client.close(1011, "my fault");
      assert.deepEqual((await second.app.next())[0], "close");
      second.app.socket.end();
      const third = await open(way);
      third.client.close(1005);
      assert.deepEqual(await third.app.next(), ["close", 1005, ""]);
      third.app.socket.destroy();
      const fourth = await open(way);
      fourth.app.close(1005);
      assert.deepEqual((await fourth.client.next())[0], "close");
      fourth.app.socket.end();
      fourth.client.socket.destroy();
      await gone(() => app.open === 0);
    });

    it("passes pings and pongs", async () => {
      const { client, app } = await open(way);
      client.send("ping", "c");
      assert.deepEqual(await client.next(), ["pong", "c"]);
      app.send("ping", "a");
      // portable: Deno hides the client's pings and sends none
      if (platform.name === "deno") assert.deepEqual(await app.next(), ["pong", "a"]);
      else {
        assert.deepEqual(await app.next(), ["ping", "c"]);
        assert.deepEqual(await client.next(), ["ping", "a"]);
        client.send("pong", "a");
        assert.deepEqual(await app.next(), ["pong", "a"]);
      }
      client.socket.destroy();
    });

    it("puts fragments together", async () => {
      const { client, app } = await open(way);
      client.socket.write(Uint8Array.of(0x01, 0x82, 0, 0, 0, 0, 0x68, 0x65));
      client.socket.write(Uint8Array.of(0x80, 0x83, 0, 0, 0, 0, 0x6c, 0x6c, 0x6f));
      assert.deepEqual(await app.next(), ["text", "hello"]);
      app.socket.write(Uint8Array.of(0x02, 1, 7, 0x00, 1, 8));
      app.socket.write(Uint8Array.of(0x80, 1, 9));
      assert.deepEqual(await client.next(), ["binary", Uint8Array.of(7, 8, 9)]);
      client.socket.destroy();
    });

    it("passes the app's refusal", async () => {
      const answer = await askForWebSocket(portOf(way), "/v1.0/invoke/callee/method/refuse");
      assert.equal(answer.status, 403);
      assert.equal(answer.headers["x-why"], "because");
      assert.equal(await answer.body, "never");
      const plain = await askForWebSocket(portOf(way), "/v1.0/invoke/callee/method/plain");
      assert.deepEqual([plain.status, await plain.body], [200, "ok"]);
      await gone(() => app.open === 0);
    });

    it("finds the app in the header form", async () => {
      ends.length = 0;
      const answer = await askForWebSocket(portOf(way), "/some/where?x=1", { "dapr-app-id": "callee" });
      assert.equal(answer.status, 101);
      assert.equal(app.requests.at(-1)?.path, "/some/where?x=1");
      ends[0]?.send("text", "here");
      assert.deepEqual(await answer.end?.next(), ["text", "here"]);
      answer.end?.socket.destroy();
    });

    it("refuses an app's answer that is no handshake", async () => {
      for (const [path, why] of [
        ["/wrong-key", /sec-websocket-accept does not fit/],
        ["/extension", /extension that nobody asked for/],
        ["/foreign", /subprotocol \\"other\\", which nobody offered/],
        ["/gone", /EOF/],
      ] as const) {
        const answer = await askForWebSocket(portOf(way), `/v1.0/invoke/callee/method${path}`, {
          "sec-websocket-protocol": "one",
        });
        assert.equal(answer.status, 500, path);
        assert.match(await answer.body, why);
      }
      await gone(() => app.open === 0);
    });

    it("loses the other side when one is lost", async () => {
      const first = await open(way);
      first.client.socket.destroy();
      assert.deepEqual(await first.app.next(), ["lost"]);
      const second = await open(way);
      second.app.socket.destroy();
      const event = await second.client.next();
      // portable: Deno cannot cut a connection
      if (platform.name === "deno") assert.deepEqual(event, ["close", 1011, "the app has gone"]);
      else assert.deepEqual(event, ["lost"]);
      second.client.socket.destroy();
      await gone(() => app.open === 0);
    });

    it("leaves the app when the client leaves before it has the answer", async () => {
      const asked = app.requests.length;
      leaving.length = 0;
      for (let client = 0; client < 20; client++) {
        const socket = connect(portOf(way), "127.0.0.1");
        socket.on("error", () => {});
        leaving.push(socket);
        const head = `GET /v1.0/invoke/callee/method/leave?${client} HTTP/1.1\r\nhost: sidecar\r\nupgrade: websocket\r\n`;
        const rest = `connection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${sampleKey}\r\n\r\n`;
        socket.write(`${head}${rest}`);
      }
      await gone(() => app.requests.length === asked + leaving.length && app.open === 0);
    });

    it("sends away whoever sends too much at once", async () => {
      const first = await open(way);
      first.client.send("binary", new Uint8Array(limit + 1));
      const toClient = await first.client.next();
      assert.ok(toClient[0] === "lost" || toClient[1] === 1009, String(toClient));
      const toApp = await first.app.next();
      assert.ok(toApp[0] === "lost" || toApp[1] === 1009, String(toApp));
      first.client.socket.destroy();
      first.app.socket.destroy();
      const second = await open(way);
      second.app.send("binary", new Uint8Array(limit + 1));
      assert.deepEqual((await second.app.next()).slice(0, 2), ["close", 1009]);
      assert.deepEqual((await second.client.next()).slice(0, 2), ["close", 1014]);
      second.client.socket.destroy();
      second.app.socket.destroy();
      await gone(() => app.open === 0);
    });

    it("tells a client and an app that break the protocol", async () => {
      const first = await open(way);
      first.app.socket.write(Uint8Array.of(0xff, 0));
      assert.deepEqual((await first.app.next()).slice(0, 2), ["close", 1002]);
      assert.deepEqual((await first.client.next()).slice(0, 2), ["close", 1014]);
      first.client.socket.destroy();
      first.app.socket.destroy();
      const second = await open(way);
      second.client.socket.write(Uint8Array.of(0xff, 0x80, 0, 0, 0, 0));
      const event = await second.app.next();
      assert.ok(event[0] === "lost" || event[0] === "close", String(event));
      second.client.socket.destroy();
      second.app.socket.destroy();
      await gone(() => app.open === 0);
    });

    it("stops the sender when nobody reads at the other side", async () => {
      const { client, app } = await open(way);
      const stops = async (from: RawWebSocket, to: RawWebSocket, most: number): Promise<number> => {
        to.socket.pause();
        const part = new Uint8Array(65_536);
        let sent = 0;
        for (let quiet = 0; quiet < 20 && sent < most; ) {
          if (from.socket.writableLength === 0) {
            quiet = 0;
            from.send("binary", part);
            sent += part.length;
          } else quiet++;
          await new Promise((resolve) => setTimeout(resolve, from.socket.writableLength === 0 ? 0 : 10));
        }
        to.socket.resume();
        for (let taken = 0; taken < sent; ) taken += ((await to.next())[1] as Uint8Array).length;
        return sent;
      };
      // Beyond all buffers of the system and ours.
      const most = 64 << 20;
      assert.ok((await stops(app, client, most)) < most);
      // portable: Deno cannot stop a client, and holds 16 MiB of what it sends
      if (platform.name === "deno") await stops(client, app, 4 << 20);
      else assert.ok((await stops(client, app, most)) < most);
      client.socket.destroy();
    });

    it("answers the last ping of a client that did not read", async () => {
      const { client, app } = await open(way);
      client.socket.pause();
      const part = new Uint8Array(65_536);
      // The way to the client is full when the app's end does not drain any more.
      for (let quiet = 0; quiet < 20; quiet++) {
        if (app.socket.writableLength === 0) {
          quiet = 0;
          app.send("binary", part);
        }
        await new Promise((resolve) => setTimeout(resolve, app.socket.writableLength === 0 ? 0 : 10));
      }
      for (let number = 0; number < 500; number++) client.send("ping", `${number}`);
      client.socket.resume();
      let last: unknown;
      while (last !== "499") {
        const [kind, data] = await client.next();
        if (kind === "pong") last = data;
        assert.notEqual(kind, "lost");
      }
      client.socket.destroy();
    });

    it("refuses requests that are no good", async () => {
      const path = "/v1.0/invoke/callee/method/echo";
      const old = await askForWebSocket(portOf(way), path, { "sec-websocket-version": "8" });
      assert.deepEqual([old.status, old.headers["sec-websocket-version"]], [426, "13"]);
      const keyless = await askForWebSocket(portOf(way), path, { "sec-websocket-key": undefined });
      assert.equal(keyless.status, 400);
      const nobody = await askForWebSocket(portOf(way), "/v1.0/invoke/ghost/method/x");
      assert.equal(nobody.status, 500);
    });
  });
}

describe("a WebSocket to an app", () => {
  for (const way of ["same process", "two processes"] as const) {
    it(`that its access rules keep: ${way}`, async () => {
      const answer = await askForWebSocket(portOf(way), "/v1.0/invoke/callee/method/secret");
      assert.equal(answer.status, 403);
      assert.match(await answer.body, /access denied for caller/);
    });
  }
});

describe("a WebSocket under a policy", () => {
  it("is asked for again until the app agrees, and then has no time limit", async () => {
    const port = portOf("two processes");
    const guarded = await startInvokeSidecar({
      platform,
      appId: "caller",
      bodyLimit: limit,
      peers: { callee: callee.peerAddress },
      resiliencies: [
        resiliencyResource("guard", {
          timeouts: { short: "1s" },
          retries: { three: { policy: "constant", duration: "1ms", maxRetries: 3 } },
          apps: { callee: { timeout: "short", retry: "three" } },
        }),
      ],
    });
    try {
      refusals = 2;
      const before = app.requests.length;
      const answer = await askForWebSocket(guarded.httpPort, "/v1.0/invoke/callee/method/later");
      assert.equal(answer.status, 101);
      assert.equal(app.requests.length - before, 3);
      await new Promise((resolve) => setTimeout(resolve, 1200));
      answer.end?.send("text", "still here");
      assert.deepEqual(await ends.at(-1)?.next(), ["text", "still here"]);
      answer.end?.socket.destroy();
      refusals = 4;
      const refused = await askForWebSocket(guarded.httpPort, "/v1.0/invoke/callee/method/later");
      assert.equal(refused.status, 503);
      refusals = 1;
      assert.equal((await askForWebSocket(port, "/v1.0/invoke/callee/method/later")).status, 503);
    } finally {
      await guarded.close();
    }
  });
});

describe("a WebSocket has no way", () => {
  const asked = async (options: Omit<Parameters<typeof startInvokeSidecar>[0], "platform" | "appId">) => {
    const sidecar = await startInvokeSidecar({ platform, appId: "caller", ...options });
    const answer = await askForWebSocket(sidecar.httpPort, "/v1.0/invoke/callee/method/x");
    const body = await answer.body;
    await sidecar.close();
    return { status: answer.status, body: JSON.parse(body) };
  };

  it("to an app that speaks gRPC, in this process or another", async () => {
    const rpc = await startInvokeSidecar({ platform, appId: "callee", app: { port: app.port, protocol: "grpc" } });
    for (const options of [{ neighbours: () => [rpc] }, { peers: { callee: rpc.peerAddress } }]) {
      assert.deepEqual(await asked(options), {
        status: 501,
        body: {
          errorCode: "ERR_DIRECT_INVOKE",
          message: "failed to invoke, id: callee, err: a WebSocket needs an app that speaks HTTP, this one speaks gRPC",
        },
      });
    }
    await rpc.close();
  });

  it("through a sidecar that does not know of them", async () => {
    // Upstream's proxy refuses what it does not know with UNKNOWN, a plain server of gRPC with UNIMPLEMENTED.
    for (const code of [Code.Unknown, Code.Unimplemented]) {
      const peer = await platform.serveHttp2?.(
        { host: "127.0.0.1", port: 0 },
        createGrpcServer({
          parts: [],
          unknown: async () => {
            throw new ConnectError("what is that", code);
          },
          limits: { maxReceiveBytes: limit, maxSendBytes: limit },
          clock: platform.clock,
        }),
      );
      assert.deepEqual(await asked({ peers: { callee: `127.0.0.1:${peer?.port}` } }), {
        status: 501,
        body: {
          errorCode: "ERR_DIRECT_INVOKE",
          message:
            'failed to invoke, id: callee, err: the sidecar of "callee" carries no WebSockets: that takes Pillion at both ends',
        },
      });
      await peer?.close(100);
    }
  });
});

describe("a WebSocket at the end of its sidecar", () => {
  it("is told that the server goes away", async () => {
    const sidecar = await startInvokeSidecar({ platform, appId: "caller", peers: { callee: callee.peerAddress } });
    const answer = await askForWebSocket(sidecar.httpPort, "/v1.0/invoke/callee/method/echo");
    assert.equal(answer.status, 101);
    const closing = sidecar.close();
    assert.deepEqual((await answer.end?.next())?.slice(0, 2), ["close", 1001]);
    answer.end?.close(1001);
    await closing;
  });
});
