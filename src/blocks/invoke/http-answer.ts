import { httpStatusFromGrpc } from "../../errors/http-status.ts";
import type { MessageBody } from "../../kit/http-message.ts";
import { InvocationFailure, type InvocationReply } from "../../kit/invocation.ts";
import { asHttp } from "./header-rules.ts";
import { sniffContentType } from "./sniff.ts";

const protobuf = "application/x-protobuf";
/** Statuses whose answers have no body. */
const bodiless: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);

/** The reply as a response; `size` is the number of bytes of its body, where known. Throws InvocationFailure on a status that HTTP servers do not send. */
export async function httpAnswer(
  reply: InvocationReply,
  isHead: boolean,
  isEventStream: boolean,
): Promise<{ readonly response: Response; readonly size: number | undefined }> {
  const isHttp = reply.code >= 100;
  const status = isHttp ? reply.code : httpStatusFromGrpc(reply.code);
  let contentType = reply.typeUrl === "" ? reply.contentType : protobuf;
  let body = reply.body;
  if (!isHttp && status !== 200) {
    // Only apps that speak gRPC answer so: what it needs is not loaded for others.
    body = (await import("./grpc-status.ts")).statusJson(reply);
    contentType = "";
  }
  if (status > 599 || (status < 200 && status !== 101)) {
    if (body instanceof ReadableStream) await body.cancel();
    throw unsendable(status);
  }
  if (isHead || bodiless.has(status)) {
    if (body instanceof ReadableStream) await body.cancel();
    body = null;
  } else if (contentType === "" && body !== null) {
    const known = await sniffed(body);
    body = known.body;
    contentType = known.contentType;
  }
  const init = { status, headers: headersOf(reply, contentType, isEventStream && status < 300) };
  return {
    response: newResponse(body, init),
    size: body === null ? 0 : body instanceof Uint8Array ? body.length : undefined,
  };
}

function unsendable(status: number, cause?: unknown): InvocationFailure {
  const text = `the app answered with status ${status}, which this listener cannot send`;
  return new InvocationFailure(undefined, text, { cause });
}

/** portable: only Bun makes a response of status 101. */
function newResponse(body: MessageBody, init: { readonly status: number; readonly headers: HeadersInit }): Response {
  try {
    return new Response(body as BodyInit | null, init);
  } catch (cause) {
    throw init.status === 101 ? unsendable(101, cause) : cause;
  }
}

type Pairs = Record<string, string>;

/** One object, or Headers when a name comes twice: the object costs half. */
function headersOf(reply: InvocationReply, contentType: string, isEventStream: boolean): Pairs | Headers {
  const pairs: Pairs = {};
  let many: Headers | undefined;
  for (const [name, value] of reply.code >= 100 ? reply.headers : asHttp(reply.headers)) {
    if (many === undefined && pairs[name] !== undefined) many = new Headers(pairs);
    if (many !== undefined) many.append(name, value);
    else pairs[name] = value;
  }
  const set = (name: string, value: string) => {
    if (many === undefined) pairs[name] = value;
    else many.set(name, value);
  };
  if (contentType !== "") set("content-type", contentType);
  // compat: pkg/sse/sse.go
  if (isEventStream) {
    set("content-type", "text/event-stream");
    set("cache-control", "no-cache");
  }
  return many ?? pairs;
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
