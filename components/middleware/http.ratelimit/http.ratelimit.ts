import { defineHttpMiddleware } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { MiddlewareRequest } from "../../../src/driver/middleware.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { decodePath } from "../../_shared/go-url.ts";
import { addHeaders, refusal } from "../../_shared/http-answers.ts";
import { callerAddress, networkOf } from "./caller-address.ts";
import { createTokenBuckets } from "./token-buckets.ts";

/** Address and port as Go's `RemoteAddr` gives them; empty without an address. */
function remoteOf({ caller: { address, port } }: MiddlewareRequest): string {
  if (address === "") return "";
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

export default defineHttpMiddleware({
  type: "middleware.http.ratelimit",
  versions: ["v1"],
  status: "stable",
  summary: "Limits how many requests a caller may send to a path in a second",
  metadata: {
    maxRequestsPerSecond: m.number().default(100).help("Requests a second for each caller's address and path"),
  },
  async open({ maxRequestsPerSecond: limit }, { clock }) {
    if (limit <= 0)
      throw new DriverError("badMetadata", "metadata property maxRequestsPerSecond must be a positive value");
    const buckets = createTokenBuckets({ clock, perSecond: limit, burst: Math.max(1, Math.trunc(limit)) });
    const shown = limit.toFixed(2);
    const rounded = String(Math.round(limit));

    return {
      async handle(given, next) {
        let request = given;
        let address = callerAddress(request);
        if (address === "") {
          // compat: middleware/http/ratelimit lets the rest of the way see the address that it counts by.
          address = "0.0.0.0";
          const headers = new Headers(request.headers);
          headers.set("x-forwarded-for", address);
          request = { ...request, headers };
        }
        const left = buckets.take(`${networkOf(address)}|${decodePath(request.path)}`);
        const forwarded = request.headers.get("x-forwarded-for") ?? "";
        const lines: [string, string][] = [
          ["x-rate-limit-limit", shown],
          ["x-rate-limit-duration", "1"],
          ["x-rate-limit-request-remote-addr", remoteOf(request)],
          ["ratelimit-limit", rounded],
          ["ratelimit-reset", "1"],
          ["ratelimit-remaining", String(left ?? 0)],
        ];
        if (forwarded.trim() !== "") lines.push(["x-rate-limit-request-forwarded-for", forwarded]);
        const response =
          left === undefined ? refusal(429, "You have reached maximum request limit.") : await next(request);
        return addHeaders(response, lines);
      },
      async close() {},
    };
  },
});
