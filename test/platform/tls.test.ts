import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, test } from "node:test";
import type { Http2Connect } from "../../src/platform/types.ts";
import { alpha, authority, beta, strangeAuthority } from "./certificates.ts";
import { bytes, call, createHost } from "./host.ts";

const host = await createHost();
const listener = await host.serveHttp2!(
  { host: "127.0.0.1", port: 0, tls: { ...alpha, ca: authority, requireClientCert: true } },
  (stream) => {
    const name = stream.peerCertificate && new X509Certificate(stream.peerCertificate).subjectAltName;
    stream.onEnd = () => {
      stream.respond({ ":status": "200" });
      stream.write(bytes(name ?? "nobody"));
      stream.end({ "grpc-status": "0" });
    };
  },
);
after(() => listener.close(0));

function refuseOthers(expected: string) {
  return (der: Uint8Array) => {
    const name = new X509Certificate(der).subjectAltName ?? "";
    if (!name.includes(`URI:${expected}`)) throw new Error(`peer is ${name}`);
  };
}
const alphaId = "spiffe://test.local/ns/default/alpha";

async function ask(tls: Http2Connect["tls"], port = listener.port) {
  const client = host.connectHttp2!({ host: "127.0.0.1", port, tls });
  const done = call(client, "/", "hello");
  await done.finished;
  await client.close();
  return done;
}

test("both sides know the other's SPIFFE identity", async () => {
  const done = await ask({ ...beta, ca: authority, verifyPeer: refuseOthers(alphaId) });
  assert.equal(done.outcome, "end");
  assert.match(done.text, /URI:spiffe:\/\/test\.local\/ns\/default\/beta/);
});

test("a peer that verifyPeer refuses gets no request", async () => {
  const done = await ask({ ...beta, ca: authority, verifyPeer: refuseOthers("spiffe://test.local/ns/default/gamma") });
  assert.ok(done.outcome instanceof Error);
  assert.match(done.outcome.message, /peer is/);
  assert.equal(done.outcome.sent, false);
});

test("a server of a strange authority is refused", async () => {
  const done = await ask({ ...beta, ca: strangeAuthority, verifyPeer: refuseOthers(alphaId) });
  assert.ok(done.outcome instanceof Error && !done.outcome.sent);
});

test("without verifyPeer the name must match", async () => {
  const good = await ask({ ...beta, ca: authority, servername: "alpha.test.local" });
  assert.equal(good.outcome, "end");
  const bad = await ask({ ...beta, ca: authority, servername: "beta.test.local" });
  assert.ok(bad.outcome instanceof Error && !bad.outcome.sent);
});

test("a client without certificate is turned away", async () => {
  const done = await ask({ ca: authority, verifyPeer: refuseOthers(alphaId) });
  assert.ok(done.outcome instanceof Error);
  // Others are served as before.
  const next = await ask({ ...beta, ca: authority, verifyPeer: refuseOthers(alphaId) });
  assert.equal(next.outcome, "end");
});

test("plain TLS: the client has no certificate, and may skip all checks", async () => {
  const plain = await host.serveHttp2!({ host: "127.0.0.1", port: 0, tls: alpha }, (stream) => {
    stream.onEnd = () => {
      stream.respond({ ":status": "200" });
      stream.write(bytes(String(stream.peerCertificate)));
      stream.end();
    };
  });
  const done = await ask({ insecure: true }, plain.port);
  assert.deepEqual([done.outcome, done.text], ["end", "undefined"]);
  const careful = await ask({}, plain.port);
  assert.ok(careful.outcome instanceof Error && !careful.outcome.sent);
  await plain.close(0);
});

test("insecure and verifyPeer exclude each other", () => {
  assert.throws(
    () => host.connectHttp2!({ host: "127.0.0.1", port: 1, tls: { insecure: true, verifyPeer() {} } }),
    /exclude each other/,
  );
});
