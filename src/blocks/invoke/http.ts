import { errorAnswer, failedWith } from "../../api/http/answer.ts";
import type { Fallback, HttpRequest } from "../../api/http/route.ts";
import { fail } from "../../errors/error.ts";
import type { Span } from "../../kit/call.ts";
import type { MessageBody } from "../../kit/http-message.ts";
import type { Invocation } from "../../kit/invocation.ts";
import { asksForWebSocket } from "../../kit/websocket/handshake.ts";
import { invokeError } from "./failure.ts";
import { isForApp, type Lines, nominated } from "./header-rules.ts";
import { asTypedError, httpAnswer } from "./http-answer.ts";
import type { Invoke } from "./invoke.ts";
import { type CalledMethod, findCalled } from "./target.ts";
import type { TunnelPorts } from "./websocket-tunnel.ts";

/** A body of known length up to this many bytes is read whole before the call. */
const wholeBytes = 65_536;
const verbs: ReadonlySet<string> = new Set([
  "CONNECT",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "PATCH",
]);

/**
 * Invocation over HTTP: what no route of the API fits and names an app. Everything else gets 404 ERR_DIRECT_INVOKE. Without
 * `webSockets`, a request for one is a call like any other.
 */
export function invokeHttp(invoke: Invoke, webSockets?: TunnelPorts): Fallback {
  return {
    async handle(request) {
      const { headers } = request;
      const called = findCalled(request.path, (name) => headers.get(name));
      if (called === undefined) return errorAnswer(fail("noRoute", {}));
      const { span } = request.call.trace;
      if (span !== undefined) describe(span, called);
      if (webSockets !== undefined && asksForWebSocket(request.method, headers)) {
        const { invokeWebSocket } = await import("./websocket-http.ts");
        return invokeWebSocket(invoke, webSockets, request, called);
      }
      const verb = request.method.toUpperCase();
      try {
        const asked = readInvocation(request, verb, called.method);
        const invocation = asked instanceof Promise ? await asked : asked;
        const reply = await invoke.invoke(called.id, invocation, request.call);
        const isEventStream = headers.get("accept")?.trim().toLowerCase() === "text/event-stream";
        // compat: pkg/api/http/responses.go is where errors pass that answer requests of known length.
        const isKept = reply.code > 399 && !headers.has("transfer-encoding");
        const made = httpAnswer(isKept ? asTypedError(reply) : reply, verb === "HEAD", isEventStream);
        const answer = made instanceof Promise ? await made : made;
        const { status } = answer;
        return status < 200 || status > 399
          ? failedWith(answer, fail("directInvoke", { id: called.id, reason: "" }))
          : answer;
      } catch (error) {
        return errorAnswer(invokeError(called.id, error));
      }
    },
    logName(request) {
      const called = findCalled(request.path, (name) => request.headers.get(name));
      return called === undefined ? "InvokeService" : `InvokeService/${called.id}`;
    },
  };
}

function describe(span: Span, { id, method }: CalledMethod): void {
  span.name = `CallLocal/${id}/${method}`;
  span.set("rpc.service", "ServiceInvocation");
  span.set("net.peer.name", id);
}

function readInvocation(request: HttpRequest, verb: string, method: string): Invocation | Promise<Invocation> {
  const lines: Lines = [];
  let contentType = "";
  let length: number | undefined;
  let isChunked = false;
  const dropped = nominated(request.headers.get("connection"));
  request.headers.forEach((value, name) => {
    if (isForApp(name, dropped)) lines.push([name, value]);
    else if (name === "content-type") contentType ||= value;
    else if (name === "content-length") length = Number(value);
    else if (name === "transfer-encoding") isChunked = true;
  });
  const isWhole = length !== undefined && length <= wholeBytes;
  let body: MessageBody | Promise<Uint8Array> = null;
  if (isWhole) body = length === 0 ? null : request.body();
  else if (length !== undefined || isChunked || (verb !== "GET" && verb !== "HEAD")) body = request.stream();
  const withBody = (read: MessageBody): Invocation => ({
    wire: "http",
    method,
    // compat: pkg/messaging/v1/invoke_method_request.go turns verbs it does not know into POST.
    verb: verbs.has(verb) ? verb : "POST",
    query: request.query,
    contentType,
    typeUrl: "",
    headers: lines,
    body: read,
    ...(read instanceof ReadableStream && length !== undefined ? { length } : {}),
  });
  return body instanceof Promise ? body.then(withBody) : withBody(body);
}
