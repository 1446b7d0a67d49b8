import { fail } from "../../errors/error.ts";
import type { Clock } from "../../kit/clock.ts";
import type { FetchHandler, RequestInfo } from "../../platform/types.ts";
import { tokenHeader } from "../../security/token.ts";
import type { ErrorCodeMetrics } from "../../telemetry/error-code-metrics.ts";
import type { HttpServerMetrics } from "../../telemetry/http-metrics.ts";
import type { Tracer } from "../../telemetry/trace.ts";
import { type ApiAccess, isAllowed } from "./access.ts";
import { errorAnswer, failureOf, knownSize, textError } from "./answer.ts";
import { type ApiLogOptions, createApiLog } from "./api-log.ts";
import { cleanPath, hasMalformedEscape } from "./clean-path.ts";
import { createCors } from "./cors.ts";
import { ApiRequest } from "./request.ts";
import { countBody, openCopy } from "./response-body.ts";
import type { Fallback, HttpHandler, HttpMiddleware, Route } from "./route.ts";
import { createRouter } from "./router.ts";
import { createTokenGate } from "./token-gate.ts";
import { beginTrace, setTraceHeaders } from "./trace-headers.ts";
import { unescapePath } from "./unescape.ts";

/** All that the HTTP API of one sidecar is made of. Absent members are features that are off. */
export interface HttpApiOptions {
  readonly routes: readonly Route[];
  readonly clock: Clock;
  readonly tracer: Tracer;
  /** Answers unknown paths and verbs; without one they get 404 ERR_DIRECT_INVOKE. */
  readonly fallback?: Fallback;
  /** Handlers of whole subtrees by first path segment, asked when no route fits. */
  readonly mounts?: ReadonlyMap<string, HttpHandler>;
  readonly access?: ApiAccess;
  /** Largest request body in bytes; 0 or less: any size. */
  readonly bodyLimit?: number;
  /** API token that callers must show; empty: none. */
  readonly token?: string;
  /** `*`, or a comma list; empty: no cross-origin headers at all. */
  readonly allowedOrigins?: string;
  readonly metrics?: HttpServerMetrics;
  readonly errorCodes?: ErrorCodeMetrics;
  readonly apiLog?: ApiLogOptions;
  readonly middlewares?: readonly HttpMiddleware[];
}

type Answer = Response | Promise<Response>;

const noRoute: Fallback = { handle: () => errorAnswer(fail("noRoute", {})) };

/** The handler of the API listener. Routes by `isPublic` and `createPublicFallback` make it that of the public one. */
export function createHttpApi(options: HttpApiOptions): FetchHandler {
  const { clock, tracer, metrics, errorCodes } = options;
  const fallback = options.fallback ?? noRoute;
  const access = options.access;
  const router = createRouter(
    access === undefined ? options.routes : options.routes.filter((route) => isAllowed(route, access)),
  );
  const bodyLimit = options.bodyLimit ?? 0;
  const passesToken = createTokenGate(options.token ?? "", options.routes);
  const cors = createCors(options.allowedOrigins ?? "");
  const apiLog = options.apiLog === undefined ? undefined : createApiLog(options.apiLog, fallback);
  const isMeasured = metrics !== undefined || apiLog !== undefined;
  const middlewares = options.middlewares ?? [];

  function dispatch(request: ApiRequest): Answer {
    request.isServed = true;
    const path = cleanPath(request.path);
    request.match = router.find(request.method, path, request.values);
    if (request.match !== undefined) return request.match.route.handle(request);
    const mount = options.mounts?.get(firstSegment(path));
    return mount === undefined ? fallback.handle(request) : mount(request);
  }

  /** Runs the middlewares from `index` on, then the route; a request that one of them made anew is parsed anew. */
  async function through(index: number, request: ApiRequest, seen: { last: ApiRequest }): Promise<Response> {
    seen.last = request;
    const middleware = middlewares[index];
    if (middleware === undefined) return dispatch(request);
    return middleware(request.raw, (raw) => {
      return through(index + 1, raw === request.raw ? request : again(raw, request), seen);
    });
  }

  function again(raw: Request, before: ApiRequest): ApiRequest {
    const request = new ApiRequest(raw, before.info, bodyLimit);
    request.trace = before.trace;
    return request;
  }

  function serve(request: ApiRequest, seen: { last: ApiRequest } | undefined): Answer {
    const preflight = cors?.preflight(request.raw);
    if (preflight !== undefined) return preflight;
    if (!passesToken(request)) return textError(401, "invalid api token");
    if (seen === undefined) return dispatch(request);
    if (!request.hidesToken) return through(0, request, seen);
    return through(0, again(withoutToken(request.raw), request), seen);
  }

  function finish(request: ApiRequest, isTraced: boolean, start: number, answer: Response): Response {
    let response = answer;
    const failure = errorCodes === undefined ? undefined : failureOf(response);
    if (failure !== undefined) errorCodes?.record(failure.metricCode, failure.category);
    const size = isMeasured ? knownSize(response) : 0;
    if (isTraced || cors !== null) {
      try {
        decorate(request, isTraced, response.headers);
      } catch {
        response = openCopy(response);
        decorate(request, isTraced, response.headers);
      }
    }
    if (!isMeasured) return response;
    const { status } = response;
    if (size !== undefined) record(request, status, start, size);
    else response = countBody(response, (bytes) => record(request, status, start, bytes));
    return response;
  }

  function decorate(request: ApiRequest, isTraced: boolean, headers: Headers): void {
    if (isTraced) setTraceHeaders(headers, request);
    cors?.decorate(request.raw, headers);
  }

  function record(request: ApiRequest, status: number, start: number, size: number): void {
    const ms = clock.monotonic() - start;
    if (metrics !== undefined) {
      const { method } = request;
      const received = method === "GET" || method === "HEAD" ? 0 : Number(request.raw.headers.get("content-length"));
      metrics.completed(method, unescapePath(request.path), status, received || 0, size, ms);
    }
    if (request.isServed) apiLog?.(request, status, ms, size);
  }

  return (raw: Request, info: RequestInfo): Answer => {
    const start = isMeasured ? clock.monotonic() : 0;
    const request = new ApiRequest(raw, info, bodyLimit);
    if (hasMalformedEscape(request.path)) return badRequest();
    const seen = middlewares.length === 0 ? undefined : { last: request };
    const isTraced = tracer.mode !== "off" && !request.path.includes("/healthz");
    let answer: Answer;
    try {
      const fault = isTraced ? beginTrace(request, tracer) : undefined;
      if (fault !== undefined) return textError(400, fault);
      answer = serve(request, seen);
    } catch (error) {
      answer = errorAnswer(error);
    }
    if (answer instanceof Response) return finish(seen?.last ?? request, isTraced, start, answer);
    return answer.then(
      (response) => finish(seen?.last ?? request, isTraced, start, response),
      (error) => finish(seen?.last ?? request, isTraced, start, errorAnswer(error)),
    );
  };
}

/** The first segment of a cleaned path. */
function firstSegment(path: string): string {
  const end = path.indexOf("/", 1);
  return path.slice(1, end < 0 ? path.length : end);
}

/** The request without the API token, for middlewares. portable: Bun ignores headers given to Request when there are none left. */
function withoutToken(raw: Request): Request {
  const copy = new Request(raw);
  copy.headers.delete(tokenHeader);
  return copy;
}

/** portable: what Go's parser refuses before any handler; the runtimes' own parsers let it through. */
function badRequest(): Response {
  return new Response("400 Bad Request", {
    status: 400,
    headers: { "content-type": "text/plain; charset=utf-8", connection: "close" },
  });
}
