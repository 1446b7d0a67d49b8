import type { HttpAppChannel } from "../../kit/app-channel.ts";
import type { Call } from "../../kit/call.ts";
import { goQuote } from "../../kit/go-quote.ts";
import type { HttpCall } from "../../kit/http-message.ts";
import {
  type Invocation,
  InvocationFailure,
  type InvocationReply,
  type InvocationTarget,
} from "../../kit/invocation.ts";
import { escapeUrlPath } from "../../kit/url-path.ts";
import { asHttp, type Lines, replyLines } from "./header-rules.ts";

const invalidArgument = 3;
const noDetails = Object.freeze([]);
/** Go's HTTP client knows these and sends no others. */
const verbs: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]);
const protobuf = "application/x-protobuf";
/** What would end the request line, or be read in two ways: callers over gRPC send queries as they like. */
const control = /[^ -~\u0080-\uffff]/;

/** An app that speaks HTTP. `base` is where it is reached, `http://127.0.0.1:3000`, for error texts. */
export function createHttpTarget(channel: HttpAppChannel, base: string): InvocationTarget {
  return {
    async invoke(request, call) {
      const reply = await channel.call(httpCall(request, call, base), call.signal);
      const { lines, contentType } = replyLines(reply.headers);
      const answer: InvocationReply = {
        code: reply.status,
        message: "",
        details: noDetails,
        headers: asHttp(lines),
        trailers: noDetails,
        contentType,
        typeUrl: "",
        body: reply.body,
      };
      return answer;
    },
  };
}

function httpCall(request: Invocation, call: Call, base: string): HttpCall {
  const { verb, method } = request;
  if (verb === undefined) throw new InvocationFailure(invalidArgument, "missing HTTP extension field");
  if (!verbs.has(verb)) throw new InvocationFailure(invalidArgument, "invalid HTTP verb");
  const path = method.startsWith("/") ? method : `/${method}`;
  const unusable = (reason: string): InvocationFailure => {
    const url = `${base}${path}${request.query === "" ? "" : `?${request.query}`}`;
    return new InvocationFailure(undefined, `parse ${goQuote(url)}: ${reason}`);
  };
  let escaped: string;
  try {
    escaped = escapeUrlPath(path);
  } catch (error) {
    throw unusable((error as Error).message);
  }
  if (control.test(request.query)) throw unusable("net/url: invalid control character in URL");
  const headers: Lines = [...asHttp(request.headers)];
  const type = request.typeUrl === "" ? request.contentType : protobuf;
  if (type !== "") headers.push(["content-type", type]);
  const { traceparent, tracestate, baggage } = call.trace;
  if (traceparent !== "") headers.push(["traceparent", traceparent]);
  if (tracestate !== "") headers.push(["tracestate", tracestate]);
  if (baggage !== "") headers.push(["baggage", baggage]);
  if (request.length !== undefined && request.body instanceof ReadableStream) {
    headers.push(["content-length", String(request.length)]);
  }
  const asked: HttpCall = {
    method: verb,
    path: escaped,
    query: withoutFragment(request.query),
    headers,
    body: request.body,
  };
  const { upgrade } = request;
  return upgrade === undefined ? asked : { ...asked, body: upgrade.sends(), upgrade: upgrade.protocol };
}

function withoutFragment(query: string): string {
  const hash = query.indexOf("#");
  return hash < 0 ? query : query.slice(0, hash);
}
