import { sized } from "../api/http/answer.ts";
import { BodyTooLarge } from "../api/http/body.ts";
import type { HttpPipeline, PipelineRequest } from "../api/http/route.ts";
import type { AppMiddleware } from "../channel/app/http-app.ts";
import type { PipelineHandler } from "../config/configuration.ts";
import type { HttpMiddleware, MiddlewareNext, MiddlewareRequest, MiddlewareResponse } from "../driver/middleware.ts";
import type { Components } from "../host/components.ts";
import { isBodiless, responseOf } from "../kit/any-status.ts";
import type { HttpCall, HttpReply } from "../kit/http-message.ts";
import { UpgradeResponse } from "../kit/websocket/upgrade-response.ts";
import type { Log } from "../telemetry/ports.ts";
import { headersOf, linesOf } from "./pipeline-headers.ts";

/** The steps of a pipeline that are there now, outermost first. */
export type PipelineSteps = () => readonly HttpMiddleware[];

const initialVersion = (version: string): string => (version === "" ? "v1" : version);

/**
 * The steps that a Configuration names; undefined without any. They are looked up for every request, so that components may come
 * and go. compat: one whose name, type or version fits no component is passed over (pkg/middleware/http/pipeline.go).
 */
export function pipelineSteps(
  handlers: readonly PipelineHandler[],
  components: Pick<Components, "find">,
): PipelineSteps | undefined {
  if (handlers.length === 0) return undefined;
  const find = (handler: PipelineHandler): HttpMiddleware | undefined => {
    const component = components.find("middleware", handler.name);
    if (component === undefined || component.type !== handler.type) return undefined;
    return initialVersion(component.version) === initialVersion(handler.version) ? component.instance : undefined;
  };
  return () => {
    const steps: HttpMiddleware[] = [];
    for (const handler of handlers) {
      const step = find(handler);
      if (step !== undefined) steps.push(step);
    }
    return steps;
  };
}

/** Warns of the handlers that are passed over because no component fits them. */
export function warnOfMissing(
  handlers: readonly PipelineHandler[],
  components: Pick<Components, "find">,
  log: Log,
): void {
  for (const handler of handlers) {
    if (pipelineSteps([handler], components)?.().length === 1) continue;
    const type = `${handler.type}/${initialVersion(handler.version)}`;
    log.warn(
      `middleware "${handler.name}" (${type}) of a pipeline is passed over: no component has this name and type`,
    );
  }
}

function run(steps: readonly HttpMiddleware[], request: MiddlewareRequest, last: MiddlewareNext) {
  const from = (index: number): MiddlewareNext => {
    const step = steps[index];
    return step === undefined ? last : async (given) => step.handle(given, from(index + 1));
  };
  return from(0)(request);
}

/** What stands in front of the HTTP API of a sidecar. */
export function createServerPipeline(steps: PipelineSteps): HttpPipeline {
  return async (given, next) => {
    const found = steps();
    if (found.length === 0) return next();
    const view = requestView(given);
    const accepted: { upgrade?: UpgradeResponse } = {};
    try {
      const answer = await run(found, view.request, async (request) => {
        const response = await next(
          request === view.request && !view.isRead() ? undefined : newRequest(request, given),
        );
        if (response instanceof UpgradeResponse) accepted.upgrade = response;
        return response;
      });
      const { upgrade } = accepted;
      if (upgrade !== undefined && answer.status === 101) {
        delete accepted.upgrade;
        return answer === upgrade ? upgrade : new UpgradeResponse(answer.headers, upgrade.taker);
      }
      return answer instanceof Response ? answer : newResponse(answer);
    } finally {
      // A step answered something else after all.
      accepted.upgrade?.taker.missed();
    }
  };
}

/** The request as middlewares see it. Its body is only touched when one of them asks for it. */
function requestView(given: PipelineRequest): { readonly request: MiddlewareRequest; isRead(): boolean } {
  let body: ReadableStream<Uint8Array> | null | undefined;
  const request = {
    method: given.method,
    path: given.path,
    query: given.query,
    get headers() {
      return given.webHeaders();
    },
    get body() {
      if (body === undefined) body = limitedBody(given);
      return body;
    },
    caller: {
      get address() {
        return given.remoteAddress;
      },
      get port() {
        return given.info.remotePort ?? 0;
      },
    },
    get signal() {
      return given.call.signal;
    },
  };
  return { request, isRead: () => body !== undefined && body !== null };
}

/** The body, which fails to be read where it is too large. */
function limitedBody(given: PipelineRequest): ReadableStream<Uint8Array> | null {
  try {
    return given.stream();
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    return new ReadableStream({ start: (controller) => controller.error(error) });
  }
}

function newRequest(request: MiddlewareRequest, given: PipelineRequest): Request {
  const { method, path, query, headers, signal, body } = request;
  const url = `${new URL(given.web().url).origin}${path}${query === "" ? "" : `?${query}`}`;
  // `duplex` is required for streamed bodies and missing in the DOM's types.
  const init = { method, headers, signal, duplex: "half" } as RequestInit;
  try {
    return new Request(url, { ...init, body: body as BodyInit | null });
  } catch (error) {
    // portable: outside Bun a Request of GET or HEAD has no body, on the way in as well.
    if (body === null || (method !== "GET" && method !== "HEAD")) throw error;
    return new Request(url, init);
  }
}

function newResponse({ status, headers, body }: MiddlewareResponse): Response {
  const sent = isBodiless(status) ? null : body;
  const response = responseOf(sent, { status, headers });
  return sent instanceof ReadableStream ? response : sized(response, sent?.length ?? 0);
}

/** What stands around the calls of a sidecar's app. */
export function createAppPipeline(steps: PipelineSteps): AppMiddleware {
  return async (call, signal, next) => {
    const found = steps();
    if (found.length === 0) return next(call, signal);
    if (call.upgrade !== undefined) return aroundUpgrade(found, call, signal, next);
    const request = callView(call, signal);
    const answer = await run(found, request, async (passed) => {
      const reply = await next(passed === request ? call : newCall(passed, request, call), passed.signal);
      return new ReplyView(reply);
    });
    return replyOf(answer);
  };
}

/** A call that asks to leave HTTP: the steps see its request and the answer, but not what flows after 101. */
async function aroundUpgrade(
  found: readonly HttpMiddleware[],
  call: HttpCall,
  signal: AbortSignal,
  next: Parameters<AppMiddleware>[2],
): Promise<HttpReply> {
  const flow: { body: HttpReply["body"] } = { body: null };
  const request = callView({ ...call, body: null }, signal);
  const answer = await run(found, request, async (passed) => {
    const asked = passed === request ? call : newCall(passed, request, call);
    const reply = await next({ ...asked, body: call.body }, passed.signal);
    if (reply.status !== 101) return new ReplyView(reply);
    flow.body = reply.body;
    return new ReplyView({ ...reply, body: null });
  });
  const reply = replyOf(answer);
  if (reply.status === 101) return { ...reply, body: flow.body };
  if (flow.body instanceof ReadableStream) await flow.body.cancel();
  return reply;
}

function replyOf(answer: MiddlewareResponse): HttpReply {
  return answer instanceof ReplyView ? answer.reply() : { ...plain(answer), headers: linesOf(answer.headers, []) };
}

function plain({ status, body }: MiddlewareResponse): {
  readonly status: number;
  readonly body: MiddlewareResponse["body"];
} {
  return { status, body };
}

const nobody = Object.freeze({ address: "", port: 0 });

function callView(call: HttpCall, signal: AbortSignal): MiddlewareRequest {
  let headers: Headers | undefined;
  return {
    method: call.method,
    path: call.path,
    query: call.query,
    get headers() {
      headers ??= headersOf(call.headers);
      return headers;
    },
    body: call.body,
    caller: nobody,
    signal,
  };
}

function newCall(passed: MiddlewareRequest, before: MiddlewareRequest, call: HttpCall): HttpCall {
  const { method, path, query, headers, body } = passed;
  return {
    ...call,
    method,
    path,
    query,
    body,
    headers: headers === before.headers ? call.headers : linesOf(headers, call.headers),
  };
}

/** An answer of the app whose headers are only taken apart when a middleware asks for them. */
class ReplyView implements MiddlewareResponse {
  readonly #reply: HttpReply;
  #headers: Headers | undefined;
  constructor(reply: HttpReply) {
    this.#reply = reply;
  }
  get status(): number {
    return this.#reply.status;
  }
  get headers(): Headers {
    this.#headers ??= headersOf(this.#reply.headers);
    return this.#headers;
  }
  get body(): MiddlewareResponse["body"] {
    return this.#reply.body;
  }
  reply(): HttpReply {
    if (this.#headers === undefined) return this.#reply;
    return { ...plain(this), headers: linesOf(this.#headers, this.#reply.headers) };
  }
}
