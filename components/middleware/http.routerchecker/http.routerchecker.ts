import { defineHttpMiddleware } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { compileGoRegexp } from "../../../src/kit/go-regexp.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { refusal } from "../../_shared/http-answers.ts";

function compile(rule: string): RegExp {
  try {
    return compileGoRegexp(rule);
  } catch (cause) {
    throw new DriverError("badMetadata", `failed to compile rule regexp: ${(cause as Error).message}`, { cause });
  }
}

export default defineHttpMiddleware({
  type: "middleware.http.routerchecker",
  versions: ["v1"],
  status: "alpha",
  summary: "Refuses requests whose path and query do not match a regular expression",
  metadata: {
    rule: m.text().default("").help("Regular expression that escaped path and query must match somewhere"),
  },
  async open({ rule }) {
    const pattern = compile(rule);
    return {
      handle(request, next) {
        const target = request.query === "" ? request.path : `${request.path}?${request.query}`;
        return pattern.test(target) ? next(request) : refusal(400, "invalid router");
      },
      async close() {},
    };
  },
});
