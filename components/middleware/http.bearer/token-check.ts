import type { CryptoKey, JWK } from "jose";
import type { Clock } from "../../../src/kit/clock.ts";
import type { KeySet } from "./key-set.ts";

type Jose = typeof import("jose");

export interface TokenCheckOptions {
  readonly keys: KeySet;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
}

const skewSeconds = 300;
const curves: Readonly<Record<string, string>> = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };

/** The signature algorithms that a key may be used with. */
function algorithmsOf(key: JWK): readonly string[] {
  if (key.alg !== undefined) return [key.alg];
  if (key.kty === "RSA") return ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
  if (key.kty === "EC") return [curves[key.crv ?? ""] ?? ""];
  if (key.kty === "OKP") return ["EdDSA"];
  return key.kty === "oct" ? ["HS256", "HS384", "HS512"] : [];
}

/** Tells whether a token is signed by a key of the set, for the audience, of the issuer and of now, five minutes more or less. Rejects only when that cannot be found out. */
export function createTokenCheck(jose: Jose, { keys, issuer, audience, clock }: TokenCheckOptions) {
  const imported = new WeakMap<JWK, Map<string, Promise<CryptoKey | Uint8Array>>>();

  function importKey(key: JWK, algorithm: string): Promise<CryptoKey | Uint8Array> {
    const known = imported.get(key) ?? new Map<string, Promise<CryptoKey | Uint8Array>>();
    imported.set(key, known);
    const found = known.get(algorithm) ?? jose.importJWK(key, algorithm);
    known.set(algorithm, found);
    return found;
  }

  async function verify(token: string): Promise<boolean> {
    const { kid, alg } = jose.decodeProtectedHeader(token);
    if (typeof kid !== "string" || typeof alg !== "string") return false;
    const key = await keys.find(kid);
    if (key === undefined || !algorithmsOf(key).includes(alg)) return false;
    const now = clock.now();
    const { payload } = await jose.jwtVerify(token, await importKey(key, alg), {
      algorithms: [alg],
      issuer,
      audience,
      clockTolerance: skewSeconds,
      currentDate: new Date(now),
    });
    return payload.iat === undefined || payload.iat <= Math.floor(now / 1000) + skewSeconds;
  }

  return async (token: string): Promise<boolean> => {
    try {
      return await verify(token);
    } catch (error) {
      // TypeError is what a malformed token or a key that does not fit its algorithm gives.
      if (error instanceof jose.errors.JOSEError || error instanceof TypeError) return false;
      throw error;
    }
  };
}
