import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { createServer } from "node:tls";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { startRawApp } from "../../../test/harness/raw-app.ts";
import { alpha, authority, strangeAuthority } from "../../../test/platform/certificates.ts";
import { decodeUtf8 } from "../../kit/bytes.ts";
import { readBody } from "../../kit/http-message.ts";
import { createHttpAppChannel } from "./http-app.ts";
import { createHttpOrigin } from "./http-origin.ts";
import { createHttpOrigins } from "./http-origins.ts";
import { createHttp1Client } from "./http1-client.ts";

const platform = await hostPlatform();
const forever = new AbortController().signal;
const get = { method: "GET", path: "/a", query: "q=1", headers: [["x-key", "caller"]] as const, body: null };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

test("a base URL's path and headers go in front", async () => {
  const app = await startRawApp((socket, all) => all.endsWith("\r\n\r\n") && socket.write(answer));
  closing.push(() => app.close());
  const baseUrl = `http://localhost:${app.port}/base/`;
  const origin = createHttpOrigin({ platform, baseUrl, headers: [["x-key", "secret"]] });
  closing.push(() => origin.close());
  assert.equal(decodeUtf8(await readBody((await origin.call(get, forever)).body)), "ok");
  assert.match(app.received[0]!, new RegExp(`^GET /base/a\\?q=1 HTTP/1.1\\r\\nhost: localhost:${app.port}\\r\\n`));
  assert.match(app.received[0]!, /\r\nx-key: secret\r\n/);
  assert.doesNotMatch(app.received[0]!, /caller/);
});

test("the empty method is the base URL as it is written", async () => {
  const app = await startRawApp((socket, all) => all.endsWith("\r\n\r\n") && socket.end(answer));
  closing.push(() => app.close());
  for (const path of ["", "/", "/base", "/base/"]) {
    const origin = createHttpOrigin({ platform, baseUrl: `http://localhost:${app.port}${path}` });
    closing.push(() => origin.close());
    await readBody((await origin.call({ ...get, path: "/", query: "" }, forever)).body);
  }
  const targets = app.received.map((text) => text.split(" ")[1]);
  assert.deepEqual(targets, ["/", "/", "/base", "/base/"]);
});

test("origins are kept, and a text that is no URL is refused", async () => {
  const origins = createHttpOrigins(platform);
  closing.push(() => origins.close());
  const first = origins.at("http://127.0.0.1:1");
  assert.equal(origins.at("http://127.0.0.1:1"), first);
  for (let port = 2; port < 70; port++) origins.at(`http://127.0.0.1:${port}`);
  assert.notEqual(origins.at("http://127.0.0.1:1"), first);
  assert.throws(() => origins.at("http://"), /it is no URL/);
  await assert.rejects(first.call(get, forever), {
    message: 'Get "http://127.0.0.1:1/a?q=1": dial tcp 127.0.0.1:1: connect: connection refused',
  });
});

test("TLS: an app's certificate does not matter, that of others does", async () => {
  const server = createServer({ cert: alpha.cert, key: alpha.key }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.write(answer));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const place = { host: "127.0.0.1", port };

  const app = createHttpAppChannel({ platform, protocol: "https", ...place, maxConcurrency: 0, appToken: "" });
  closing.push(() => app.close());
  assert.equal((await app.call(get, forever)).status, 200);

  const clientOf = (tls: { readonly servername: string; readonly ca: string }) => {
    const client = createHttp1Client({ tcp: platform.tcp!, clock: platform.clock, connect: { ...place, tls } });
    closing.push(() => client.close());
    return client.request(get, forever, () => {});
  };
  assert.equal((await clientOf({ servername: "alpha.test.local", ca: authority })).status, 200);
  await assert.rejects(
    clientOf({ servername: "alpha.test.local", ca: strangeAuthority }),
    /^AppUnreachable: Get "https:.*": tls: /,
  );
  await assert.rejects(
    clientOf({ servername: "beta.test.local", ca: authority }),
    /^AppUnreachable: Get "https:.*": tls: /,
  );
  const origin = createHttpOrigin({ platform, baseUrl: `https://127.0.0.1:${port}` });
  closing.push(() => origin.close());
  await assert.rejects(origin.call(get, forever), /tls: /);
});
