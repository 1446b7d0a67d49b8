import { fail } from "../../errors/error.ts";
import type { HttpError } from "../../errors/http.ts";
import type { Clock } from "../../kit/clock.ts";
import type { FetchHandler, RequestInfo, WireRequest } from "../../platform/types.ts";
import type { ErrorCodeMetrics } from "../../telemetry/error-code-metrics.ts";
import type { HttpServerMetrics } from "../../telemetry/http-metrics.ts";
import type { Tracer } from "../../telemetry/trace.ts";
import { type ApiAccess, isAllowed, isInvokeAllowed } from "./access.ts";
import { errorAnswer, failureOf, type HttpAnswer, knownSize, textError, webResponse } from "./answer.ts";
import { type ApiLogOptions, createApiLog } from "./api-log.ts";
import { cleanPath, hasMalformedEscape } from "./clean-path.ts";
import { createCors } from "./cors.ts";
import { createPublicFallback } from "./public-fallback.ts";
import { ApiRequest } from "./request.ts";
import { endRequestSpan } from "./request-span.ts";
import { countBody, openCopy } from "./response-body.ts";
import type { Fallback, HttpPipeline, HttpRequest, Route } from "./route.ts";
import { createRouter } from "./router.ts";
import { createTokenGate } from "./token-gate.ts";
import { beginTrace, setTraceHeaders } from "./trace-headers.ts";
import { unescapePath } from "./unescape.ts";
import { type HeaderEdits, WholeAnswer } from "./whole-answer.ts";

/** All that the HTTP API of one sidecar is made of. Absent members are features that are off. */
export interface HttpApiOptions {
  readonly routes: readonly Route[];
  readonly clock: Clock;
  readonly tracer: Tracer;
  /** Answers unknown paths and verbs, unless the lists forbid invocation; without one they get 404 ERR_DIRECT_INVOKE. */
  readonly fallback?: Fallback;
  /** Handlers of whole subtrees by first path segment, asked when no route fits; what they leave is the fallback's. */
  readonly mounts?: ReadonlyMap<string, (request: HttpRequest) => Promise<HttpAnswer | undefined>>;
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
  readonly pipeline?: HttpPipeline;
}

type Answer = HttpAnswer | Promise<HttpAnswer>;

/** What a request became in the pipeline: the one that was routed last, and the error of its answer. */
interface Passage {
  request: ApiRequest;
  failure: HttpError | undefined;
}

const noRoute: Fallback = { handle: () => errorAnswer(fail("noRoute", {})) };

/** The handler of the API listener. Routes by `isPublic` and `createPublicFallback` make it that of the public one. */
export function createHttpApi(options: HttpApiOptions): FetchHandler {
  const { clock, tracer, metrics, errorCodes } = options;
  const { access } = options;
  const routes = access === undefined ? options.routes : options.routes.filter((route) => isAllowed(route, access));
  const router = createRouter(routes);
  const isShut = access !== undefined && !isInvokeAllowed(access);
  const fallback = isShut ? createPublicFallback(routes) : (options.fallback ?? noRoute);
  const bodyLimit = options.bodyLimit ?? 0;
  const passesToken = createTokenGate(options.token ?? "", options.routes);
  const cors = createCors(options.allowedOrigins ?? "");
  const apiLog = options.apiLog === undefined ? undefined : createApiLog(options.apiLog, fallback);
  const isMeasured = metrics !== undefined || apiLog !== undefined;
  const { pipeline } = options;

  function dispatch(request: ApiRequest): Answer {
    request.isServed = true;
    const path = cleanPath(request.path);
    request.match = router.find(request.method, path, request.values);
    if (request.match !== undefined) return request.match.route.handle(request);
    const mount = options.mounts?.get(firstSegment(path));
    if (mount === undefined) return fallback.handle(request);
    return mount(request).then((answer) => answer ?? fallback.handle(request));
  }

  /** Leads the request through the pipeline to its route; one that was made anew there is parsed anew. */
  function through(run: HttpPipeline, given: ApiRequest, passage: Passage): Answer {
    return run(given, async (changed) => {
      const request = changed === undefined ? given : new ApiRequest(changed, given.info, bodyLimit);
      if (changed !== undefined) request.trace = given.trace;
      passage.request = request;
      let answer: HttpAnswer;
      try {
        answer = await dispatch(request);
      } catch (error) {
        answer = errorAnswer(error);
      }
      passage.failure = failureOf(answer);
      return webResponse(answer);
    });
  }

  function serve(request: ApiRequest, passage: Passage | undefined): Answer {
    const preflight = cors?.preflight(request.raw);
    if (preflight !== undefined) return preflight;
    if (!passesToken(request)) return textError(401, "invalid api token");
    return pipeline === undefined || passage === undefined ? dispatch(request) : through(pipeline, request, passage);
  }

  function finish(
    request: ApiRequest,
    isTraced: boolean,
    start: number,
    answer: HttpAnswer,
    failed: HttpError | undefined,
  ): HttpAnswer {
    let response = answer;
    const failure = errorCodes === undefined ? undefined : (failureOf(response) ?? failed);
    if (failure !== undefined) errorCodes?.record(failure.metricCode, failure.category);
    const size = isMeasured ? knownSize(response) : 0;
    if (isTraced || cors !== null) {
      try {
        decorate(request, isTraced, response.headers);
      } catch {
        response = openCopy(webResponse(response));
        decorate(request, isTraced, response.headers);
      }
      const span = isTraced ? request.trace.span : undefined;
      if (span !== undefined) endRequestSpan(span, request, response.status);
    }
    if (!isMeasured) return response;
    const { status } = response;
    if (size !== undefined) record(request, status, start, size);
    else if (response instanceof Response)
      response = countBody(response, (bytes) => record(request, status, start, bytes));
    return response;
  }

  function decorate(request: ApiRequest, isTraced: boolean, headers: HeaderEdits): void {
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

  function handle(raw: Request | WireRequest, info: RequestInfo): Answer {
    const start = isMeasured ? clock.monotonic() : 0;
    const request = new ApiRequest(raw, info, bodyLimit);
    if (hasMalformedEscape(request.path)) return badRequest();
    const passage: Passage | undefined = pipeline && { request, failure: undefined };
    const isTraced = tracer.mode !== "off" && !request.path.includes("/healthz");
    let answer: Answer;
    try {
      const fault = isTraced ? beginTrace(request, tracer) : undefined;
      if (fault !== undefined) return textError(400, fault);
      answer = serve(request, passage);
    } catch (error) {
      answer = errorAnswer(error);
    }
    if (!(answer instanceof Promise))
      return finish(passage?.request ?? request, isTraced, start, answer, passage?.failure);
    return answer.then(
      (response) => finish(passage?.request ?? request, isTraced, start, response, passage?.failure),
      (error) => finish(passage?.request ?? request, isTraced, start, errorAnswer(error), passage?.failure),
    );
  }

  const web = (raw: Request, info: RequestInfo): Response | Promise<Response> => {
    const answer = handle(raw, info);
    return answer instanceof Promise ? answer.then(webResponse) : webResponse(answer);
  };
  // Middleware sees the web's requests and changes them in place.
  return Object.assign(web, { wire: pipeline === undefined ? handle : undefined });
}

/** The first segment of a cleaned path. */
function firstSegment(path: string): string {
  const end = path.indexOf("/", 1);
  return path.slice(1, end < 0 ? path.length : end);
}

/** portable: what Go's parser refuses before any handler; the runtimes' own parsers let it through. */
function badRequest(): WholeAnswer {
  const answer = new WholeAnswer(400, new TextEncoder().encode("400 Bad Request"));
  answer.append("content-type", "text/plain; charset=utf-8");
  answer.append("connection", "close");
  return answer;
}
