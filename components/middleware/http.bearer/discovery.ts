import { DriverError } from "../../../src/driver/errors.ts";
import { type FetchLimit, fetchWithin } from "../../_shared/fetch-within.ts";

const requestMs = 30_000;

/** The address of an issuer's keys, from its OpenID document. Throws a DriverError when that is not to be had or not the issuer's. */
export async function findKeySetUrl(issuer: string, limit: Omit<FetchLimit, "ms">): Promise<string> {
  const fail = (why: string, cause?: unknown): never => {
    const message = `failed to retrieve OpenID Configuration document: ${why}`;
    throw new DriverError("unavailable", message, { cause });
  };
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const answer = await fetchWithin(url, {}, { ...limit, ms: requestMs }).catch((cause: unknown) =>
    fail(`failed to execute request: ${cause instanceof Error ? cause.message : String(cause)}`, cause),
  );
  if (answer.status !== 200) return fail(`invalid response status code: ${answer.status}`);
  let document: { readonly issuer?: unknown; readonly jwks_uri?: unknown };
  try {
    document = JSON.parse(answer.text) ?? {};
  } catch (cause) {
    return fail(`failed to decode JSON response: ${(cause as Error).message}`, cause);
  }
  const found = document.jwks_uri;
  if (typeof found !== "string" || found === "")
    return fail("the OpenID Configuration document does not contain a 'jwks_uri'");
  if (document.issuer !== issuer) {
    const named = typeof document.issuer === "string" ? document.issuer : "";
    return fail(
      `the issuer found in the OpenID Configuration document ('${named}') doesn't match the one provided in the component's metadata ('${issuer}')`,
    );
  }
  return found;
}
