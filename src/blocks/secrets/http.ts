import type { HttpHandler, Route } from "../../api/http/route.ts";
import { encodeGoJson } from "../../kit/go-json.ts";
import type { Secrets } from "./secrets.ts";

function answer(value: unknown): Response {
  return new Response(`${encodeGoJson(value, { sortKeys: true })}\n`, {
    headers: { "content-type": "application/json" },
  });
}

/** The routes of the secrets API. */
export function secretsHttp(secrets: Secrets): readonly Route[] {
  const bulkGet: HttpHandler = async (request) =>
    answer(
      await secrets.bulkGet(
        { storeName: request.param("secretStoreName"), metadata: request.metadata() },
        request.call,
      ),
    );
  const get: HttpHandler = async (request) =>
    answer(
      await secrets.get(
        {
          storeName: request.param("secretStoreName"),
          key: request.param("key"),
          metadata: request.metadata(),
        },
        request.call,
      ),
    );
  const route = (path: string, handle: HttpHandler): Route => ({
    methods: ["GET"],
    version: "v1.0",
    path,
    group: "secrets",
    handle,
  });
  return [route("/secrets/:secretStoreName/bulk", bulkGet), route("/secrets/:secretStoreName/:key", get)];
}
