import { defineHttpMiddleware } from "../../../src/driver/define-driver.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { upperBody } from "./upper-body.ts";

/** The headers of a message whose body has got another length. */
function withoutLength(headers: Headers): Headers {
  const copy = new Headers(headers);
  copy.delete("content-length");
  return copy;
}

export default defineHttpMiddleware({
  type: "middleware.http.uppercase",
  versions: ["v1"],
  status: "alpha",
  summary: "Turns the letters of bodies to upper case, to see a pipeline at work",
  metadata: {
    direction: m.text().default("request").help("`request`, `response` or `both`; anything else counts as `request`"),
  },
  async open({ direction }) {
    const wanted = direction.toLowerCase();
    const changesAnswer = wanted === "response" || wanted === "both";
    const changesRequest = wanted !== "response";
    return {
      async handle(request, next) {
        const response = await next(
          changesRequest && request.body !== null
            ? { ...request, headers: withoutLength(request.headers), body: upperBody(request.body) }
            : request,
        );
        const { status, headers, body } = response;
        if (!changesAnswer || body === null) return response;
        return { status, headers: withoutLength(headers), body: upperBody(body) };
      },
      async close() {},
    };
  },
});
