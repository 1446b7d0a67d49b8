import { defineHttpMiddleware } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { refusal } from "../../_shared/http-answers.ts";
import { findKeySetUrl } from "./discovery.ts";
import { createKeySet } from "./key-set.ts";
import { createTokenCheck } from "./token-check.ts";

/** Shorter texts are no token. */
const shortest = 10;

/** The token of an Authorization header; undefined when it holds none. */
function bearerToken(header: string | null): string | undefined {
  if (header === null || !/^bearer /i.test(header)) return undefined;
  const token = header.slice(7);
  return token.length < shortest ? undefined : token;
}

export default defineHttpMiddleware({
  type: "middleware.http.bearer",
  versions: ["v1"],
  status: "stable",
  summary: "Lets only requests with a valid JSON web token of an OpenID provider pass",
  metadata: {
    issuer: m
      .text()
      .required("metadata property 'issuer' is required")
      .alias("issuerURL")
      .help("Who has to have issued the token; its OpenID document is read when `jwksURL` is not given"),
    audience: m
      .text()
      .required("metadata property 'audience' is required")
      .alias("clientID")
      .help("Whom the token has to be for"),
    jwksURL: m.text().default("").help("Where the provider's keys are"),
  },
  async open({ issuer, audience, jwksURL }, { clock, log, signal }) {
    const url = jwksURL === "" ? await findKeySetUrl(issuer, { clock, signal }) : jwksURL;
    log.debug(`Using JWKS URL: ${url}`);
    const [keys, jose] = await Promise.all([
      createKeySet({ url, clock, log, signal }).catch((cause: unknown) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new DriverError("unavailable", `failed to fetch JWKS: ${why}`, { cause });
      }),
      import("jose"),
    ]);
    const check = createTokenCheck(jose, { keys, issuer, audience, clock });

    return {
      async handle(request, next) {
        const token = bearerToken(request.headers.get("authorization"));
        if (token === undefined) return refusal(401);
        try {
          if (!(await check(token))) return refusal(401);
        } catch (error) {
          log.error(`Failed to check a token: ${error instanceof Error ? error.message : String(error)}`);
          return refusal(500);
        }
        return next(request);
      },
      async close() {},
    };
  },
});
