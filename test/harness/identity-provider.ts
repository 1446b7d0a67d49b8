import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

/** One request that the provider got. */
export interface ProviderRequest {
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly form: URLSearchParams;
}

/** An OpenID provider on loopback: discovery document, keys and a token endpoint whose answers a test may change. */
export interface IdentityProvider {
  readonly url: string;
  readonly requests: ProviderRequest[];
  /** What a path answers; tests replace what they need. */
  readonly answers: Map<string, (request: ProviderRequest) => ProviderAnswer | Promise<ProviderAnswer>>;
  /** Makes another signing key; its id is the answer. `publish` false keeps it out of the key set. */
  addKey(algorithm: string, change?: Partial<JWK>, publish?: boolean): Promise<string>;
  removeKey(id: string): void;
  /** A token signed by the key, of this provider for `audience` unless `claims` say otherwise; `header` changes its header. */
  sign(id: string, claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export interface ProviderAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** The audience of tokens that do not name one. */
export const audience = "the-api";

/** Starts one with no keys. */
export async function startIdentityProvider(): Promise<IdentityProvider> {
  const requests: ProviderRequest[] = [];
  const answers: IdentityProvider["answers"] = new Map();
  const keys = new Map<
    string,
    { readonly jwk: JWK; readonly algorithm: string; readonly secret: CryptoKey | Uint8Array }
  >();
  const published = new Map<string, JWK>();
  const server = createServer(async (incoming, outgoing) => {
    let text = "";
    for await (const part of incoming) text += String(part);
    const request = { target: incoming.url ?? "", headers: incoming.headers, form: new URLSearchParams(text) };
    requests.push(request);
    const answer = await answers.get(request.target)?.(request);
    const body = typeof answer?.body === "string" ? answer.body : JSON.stringify(answer?.body ?? "");
    outgoing.writeHead(answer === undefined ? 404 : (answer.status ?? 200), {
      "content-type": "application/json",
      ...answer?.headers,
    });
    outgoing.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answers.set("/.well-known/openid-configuration", () => ({ body: { issuer: url, jwks_uri: `${url}/keys` } }));
  answers.set("/keys", () => ({ body: { keys: [...published.values()] } }));
  answers.set("/token", () => ({ body: { access_token: "secret-token", token_type: "bearer", expires_in: 60 } }));

  return {
    url,
    requests,
    answers,
    async addKey(algorithm, change = {}, publish = true) {
      const id = `key-${keys.size}`;
      if (algorithm.startsWith("HS")) {
        const secret = new Uint8Array(64).fill(keys.size + 1);
        const jwk = { ...(await exportJWK(secret)), kid: id, alg: algorithm, ...change };
        keys.set(id, { jwk, algorithm, secret });
      } else {
        const pair = await generateKeyPair(algorithm, { extractable: true });
        const jwk = { ...(await exportJWK(pair.publicKey)), kid: id, alg: algorithm, use: "sig", ...change };
        keys.set(id, { jwk, algorithm, secret: pair.privateKey });
      }
      const added = keys.get(id)?.jwk;
      if (publish && added !== undefined) published.set(id, added);
      return id;
    },
    removeKey: (id) => void published.delete(id),
    async sign(id, claims = {}, header = {}) {
      const key = keys.get(id);
      if (key === undefined) throw new Error(`no key "${id}"`);
      return new SignJWT({ iss: url, aud: audience, ...claims })
        .setProtectedHeader({ alg: key.algorithm, kid: id, ...header })
        .sign(key.secret);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A test with a provider of its own. */
export function providerTest(name: string, check: (provider: IdentityProvider) => Promise<void>): void {
  test(name, async () => {
    const provider = await startIdentityProvider();
    try {
      await check(provider);
    } finally {
      await provider.close();
    }
  });
}
