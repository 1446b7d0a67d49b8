import { errorAnswer, failedWith, sized } from "../../api/http/answer.ts";
import type { Fallback, HttpRequest } from "../../api/http/route.ts";
import { fail } from "../../errors/error.ts";
import type { Span } from "../../kit/call.ts";
import type { MessageBody } from "../../kit/http-message.ts";
import type { Invocation } from "../../kit/invocation.ts";
import { asksForWebSocket } from "../../kit/websocket/handshake.ts";
import { invokeError } from "./failure.ts";
import { isForApp, type Lines, nominated } from "./header-rules.ts";
import { httpAnswer } from "./http-answer.ts";
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
        const reply = await invoke.invoke(called.id, await readInvocation(request, verb, called.method), request.call);
        const isEventStream = headers.get("accept")?.trim().toLowerCase() === "text/event-stream";
        const { response, size } = await httpAnswer(reply, verb === "HEAD", isEventStream);
        const { status } = response;
        if (status < 200 || status > 399) failedWith(response, fail("directInvoke", { id: called.id, reason: "" }));
        return size === undefined ? response : sized(response, size);
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

async function readInvocation(request: HttpRequest, verb: string, method: string): Promise<Invocation> {
  const lines: Lines = [];
  let contentType = "";
  let length: number | undefined;
  let isChunked = false;
  const dropped = nominated(request.headers.get("connection"));
  request.headers.forEach((value, name) => {
    if (isForApp(name, dropped)) lines.push([name, value]);
    else if (name === "content-type") contentType = value;
    else if (name === "content-length") length = Number(value);
    else if (name === "transfer-encoding") isChunked = true;
  });
  let body: MessageBody = null;
  if (length !== undefined && length <= wholeBytes) body = length === 0 ? null : await request.body();
  else if (length !== undefined || isChunked || (verb !== "GET" && verb !== "HEAD")) body = request.stream();
  const invocation: Invocation = {
    wire: "http",
    method,
    // compat: pkg/messaging/v1/invoke_method_request.go turns verbs it does not know into POST.
    verb: verbs.has(verb) ? verb : "POST",
    query: request.query,
    contentType,
    typeUrl: "",
    headers: lines,
    body,
  };
  return body instanceof ReadableStream && length !== undefined ? { ...invocation, length } : invocation;
}
