/** Header lines in order, names as given; repeated names stay repeated. */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** A body: nothing, all of it, or a stream of unknown length. */
export type MessageBody = Uint8Array | ReadableStream<Uint8Array> | null;

/** An HTTP request on its way to an app, neutral of transport. */
export interface HttpCall {
  readonly method: string;
  /** Escaped path with a leading slash, without the query. */
  readonly path: string;
  /** Raw query without the question mark. */
  readonly query: string;
  readonly headers: HeaderLines;
  readonly body: MessageBody;
  /** Asks to leave HTTP: the body, a stream, is what is sent after an answer of 101, whose own body is what comes back. */
  readonly upgrade?: "websocket";
}

/** An HTTP answer of an app. A stream has to be read to its end or cancelled: it holds a place in the concurrency limit. */
export interface HttpReply {
  readonly status: number;
  readonly headers: HeaderLines;
  readonly body: MessageBody;
}

/** Reads a body to its end. */
export async function readBody(body: MessageBody): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    parts.push(part);
    length += part.byteLength;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
