import type { HttpAnswer } from "../../api/http/answer.ts";
import { WholeAnswer } from "../../api/http/whole-answer.ts";
import { httpStatusFromGrpc } from "../../errors/http-status.ts";
import { isBodiless, responseOf } from "../../kit/any-status.ts";
import type { MessageBody } from "../../kit/http-message.ts";
import { InvocationFailure, type InvocationReply } from "../../kit/invocation.ts";
import { asHttp } from "./header-rules.ts";
import { sniffContentType } from "./sniff.ts";

const protobuf = "application/x-protobuf";
const nothing = new Uint8Array(0);

/** The reply as an answer. Throws InvocationFailure on a status that HTTP servers do not send. */
export function httpAnswer(
  reply: InvocationReply,
  isHead: boolean,
  isEventStream: boolean,
): HttpAnswer | Promise<HttpAnswer> {
  const { code, body } = reply;
  if (code < 200 || body instanceof ReadableStream) return slowAnswer(reply, isHead, isEventStream);
  const contentType = reply.typeUrl === "" ? reply.contentType : protobuf;
  const isEvents = isEventStream && code < 300;
  // compat: answers to HEAD say a length, of none, only where an error is answered.
  if (isHead || isBodiless(code)) return wholeAnswer(reply, code, code > 399 ? nothing : null, contentType, isEvents);
  const isSniffed = contentType === "" && body !== null && body.length > 0;
  return wholeAnswer(reply, code, body, isSniffed ? sniffContentType(body) : contentType, isEvents);
}

/** An app's error that does not say what it is counts as JSON. */
export function asTypedError(reply: InvocationReply): InvocationReply {
  return reply.contentType === "" ? { ...reply, contentType: "application/json" } : reply;
}

/** Streams, and statuses of gRPC. */
async function slowAnswer(reply: InvocationReply, isHead: boolean, isEventStream: boolean): Promise<HttpAnswer> {
  const isHttp = reply.code >= 100;
  const status = isHttp ? reply.code : httpStatusFromGrpc(reply.code);
  let contentType = reply.typeUrl === "" ? reply.contentType : protobuf;
  let body = reply.body;
  if (!isHttp && status !== 200) {
    // Only apps that speak gRPC answer so: what it needs is not loaded for others.
    body = (await import("./grpc-status.ts")).statusJson(reply);
    contentType = "";
  }
  if (status < 200 && status !== 101) {
    if (body instanceof ReadableStream) await body.cancel();
    throw new InvocationFailure(undefined, `the app answered with status ${status}, which is no end of an answer`);
  }
  if (isHead || isBodiless(status)) {
    if (body instanceof ReadableStream) await body.cancel();
    body = null;
  } else if (contentType === "" && body !== null) {
    const known = await sniffed(body);
    body = known.body;
    contentType = known.contentType;
  }
  const isEvents = isEventStream && status < 300;
  const whole = wholeAnswer(reply, status, body instanceof ReadableStream ? null : body, contentType, isEvents);
  if (!(body instanceof ReadableStream) && status !== 101) return whole;
  return responseOf(body as ReadableStream<Uint8Array> | null, { status, headers: whole.pairs() });
}

function wholeAnswer(
  reply: InvocationReply,
  status: number,
  body: Uint8Array | null,
  contentType: string,
  isEvents: boolean,
): WholeAnswer {
  const answer = new WholeAnswer(status, body);
  for (const [name, value] of reply.code >= 100 ? reply.headers : asHttp(reply.headers)) answer.append(name, value);
  // compat: Go's server keeps the type from answers of 304.
  if (contentType !== "" && status !== 304) answer.set("content-type", contentType);
  // compat: pkg/sse/sse.go
  if (isEvents) {
    answer.set("content-type", "text/event-stream");
    answer.set("cache-control", "no-cache");
  }
  return answer;
}

/** Type and body of an answer without a type; the first chunk of a stream tells. */
async function sniffed(body: NonNullable<MessageBody>): Promise<{ body: MessageBody; contentType: string }> {
  if (body instanceof Uint8Array) return { body, contentType: body.length === 0 ? "" : sniffContentType(body) };
  const reader = body.getReader();
  const first = await reader.read();
  if (first.done) return { body: null, contentType: "" };
  const rest = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(first.value),
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { body: rest, contentType: sniffContentType(first.value) };
}
