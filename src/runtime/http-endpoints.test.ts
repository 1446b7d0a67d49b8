import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { startRawApp } from "../../test/harness/raw-app.ts";
import type { HttpEndpoint } from "../config/resource/http-endpoint.ts";
import { decodeUtf8 } from "../kit/bytes.ts";
import { readBody } from "../kit/http-message.ts";
import type { Invocation } from "../kit/invocation.ts";
import type { Log } from "../telemetry/ports.ts";
import { createHttpEndpoints } from "./http-endpoints.ts";

const platform = await hostPlatform();
const silent = () => {};
const log: Log = {
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  fatal: silent,
  scope: () => log,
  level: "info",
};
const call = { signal: new AbortController().signal, trace: { traceparent: "", tracestate: "", baggage: "" } };
const request: Invocation = {
  wire: "http",
  method: "a b",
  verb: "GET",
  query: "q=1",
  contentType: "",
  typeUrl: "",
  headers: [],
  body: null,
};
const endpoint = (baseUrl: string, more: Partial<HttpEndpoint> = {}): HttpEndpoint => ({
  kind: "HTTPEndpoint",
  name: "site",
  namespace: "",
  scopes: [],
  source: { file: "x.yaml", line: 1 },
  baseUrl,
  headers: [],
  secretStore: "",
  clientTls: { rootCA: undefined, certificate: undefined, privateKey: undefined, renegotiation: "Never" },
  ...more,
});
const header = (name: string, more: object) => ({
  name,
  value: undefined,
  secretKeyRef: undefined,
  envRef: undefined,
  ...more,
});

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test("an endpoint is called by its name, with its headers and secrets", async () => {
  const site = await startRawApp(
    (socket, all) => all.endsWith("\r\n\r\n") && socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
  );
  closing.push(() => site.close());
  let asked = 0;
  const store = {
    get: async (name: string) => {
      asked++;
      return { [name]: "hush" };
    },
    features: [],
    bulkGet: async () => ({}),
    close: async () => {},
  };
  const headers = [header("x-plain", { value: "1" }), header("x-secret", { secretKeyRef: { name: "s", key: "s" } })];
  const endpoints = createHttpEndpoints({
    platform,
    endpoints: [endpoint(`http://127.0.0.1:${site.port}/base`, { headers, secretStore: "vault" })],
    secretStore: (name) => (name === "vault" ? store : undefined),
    log,
  });
  closing.push(() => endpoints.close());
  assert.equal(endpoints.find("other"), undefined);
  for (let round = 0; round < 2; round++) {
    const reply = await endpoints.find("site")!.invoke(request, call);
    assert.equal(decodeUtf8(await readBody(reply.body)), "ok");
  }
  assert.equal(asked, 1);
  assert.match(site.received[0]!, /^GET \/base\/a%20b\?q=1 HTTP/);
  assert.match(site.received[0]!, /\r\nx-plain: 1\r\nx-secret: hush\r\n/);
});

test("a secret store that is not there yet is asked for again with the next call", async () => {
  const document = { value: undefined, secretKeyRef: { name: "ca", key: "ca" } };
  const clientTls = { rootCA: document, certificate: undefined, privateKey: undefined, renegotiation: "Never" };
  let isThere = false;
  const store = { features: [], get: async () => ({ ca: "no PEM" }), bulkGet: async () => ({}), close: async () => {} };
  const endpoints = createHttpEndpoints({
    platform,
    endpoints: [endpoint("https://127.0.0.1:1", { clientTls, secretStore: "vault" })],
    secretStore: () => (isThere ? store : undefined),
    log,
  });
  closing.push(() => endpoints.close());
  const invoke = async () => endpoints.find("site")!.invoke(request, call);
  await assert.rejects(invoke, /secret store "vault" of HTTPEndpoint "site" is not loaded/);
  isThere = true;
  await assert.rejects(invoke, /connection refused|tls: /);
});

test("a renegotiation that means nothing is refused, one that TLS here never does is said", () => {
  const warnings: string[] = [];
  const make = (renegotiation: string) =>
    createHttpEndpoints({
      platform,
      endpoints: [
        endpoint("https://127.0.0.1:1", {
          clientTls: { rootCA: undefined, certificate: undefined, privateKey: undefined, renegotiation },
        }),
      ],
      secretStore: () => undefined,
      log: { ...log, warn: (line) => void warnings.push(line) },
    });
  assert.throws(() => make("Always"), /invalid renegotiation value Always for http endpoint site: write Never/);
  make("Never").close();
  assert.deepEqual(warnings, []);
  make("OnceAsClient").close();
  assert.match(warnings[0] ?? "", /"site".*never renegotiates/);
});
