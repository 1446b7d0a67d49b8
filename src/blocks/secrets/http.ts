import { type HttpAnswer, jsonAnswer } from "../../api/http/answer.ts";
import type { HttpHandler, HttpRequest, Route } from "../../api/http/route.ts";
import type { Secrets } from "./secrets.ts";

function answer(value: unknown): HttpAnswer {
  return jsonAnswer(value, 200, { sortKeys: true });
}

/** The routes of the secrets API. */
export function secretsHttp(secrets: Secrets): readonly Route[] {
  const asked = (request: HttpRequest) => ({
    storeName: request.param("secretStoreName"),
    metadata: request.metadata(),
  });
  const bulkGet: HttpHandler = async (request) => answer(await secrets.bulkGet(asked(request), request.call));
  const get: HttpHandler = async (request) =>
    answer(await secrets.get({ ...asked(request), key: request.param("key") }, request.call));
  const route = (path: string, logName: string, handle: HttpHandler): Route => ({
    methods: ["GET"],
    version: "v1.0",
    path: `/secrets/:secretStoreName${path}`,
    group: "secrets",
    logName,
    handle,
  });
  return [route("/bulk", "GetBulkSecret", bulkGet), route("/:key", "GetSecret", get)];
}
