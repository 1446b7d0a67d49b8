import { describeHttp, type HttpError } from "../../errors/http.ts";
import { encodeGoJson, type GoJsonOptions } from "../../kit/go-json.ts";

const size = Symbol("pillion.size");
const failure = Symbol("pillion.failure");
type Marked = Response & { [size]?: number; [failure]?: HttpError };

const utf8 = new TextEncoder();
const json = "application/json";
const jsonOnly: Readonly<Record<string, string>> = { "content-type": json };

/** Notes how many bytes the body of a response has, so that nobody has to count them later. */
export function sized(response: Response, bytes: number): Response {
  (response as Marked)[size] = bytes;
  return response;
}

/** The noted size of a response's body in bytes, 0 when it has none; undefined when it has to be counted. */
export function knownSize(response: Response): number | undefined {
  const noted = (response as Marked)[size];
  if (noted !== undefined) return noted;
  if (response.body === null) return 0;
  const length = response.headers.get("content-length");
  return length === null ? undefined : Number(length);
}

/** Notes that a response made by hand stands for an error, which the error-code metric then counts. */
export function failedWith(response: Response, error: unknown): Response {
  (response as Marked)[failure] = describeHttp(error);
  return response;
}

/** The error that a response stands for, if any. */
export function failureOf(response: Response): HttpError | undefined {
  return (response as Marked)[failure];
}

/** 204 without a body: the answer of all that has nothing to say. */
export function emptyAnswer(status = 204, headers?: HeadersInit): Response {
  return sized(new Response(null, { status, headers }), 0);
}

/** Bytes as they are; JSON unless the headers name another content type. */
export function bytesAnswer(body: Uint8Array, status = 200, headers?: Readonly<Record<string, string>>): Response {
  const given = headers ?? jsonOnly;
  const all = given["content-type"] === undefined ? { ...given, "content-type": json } : given;
  return sized(new Response(body as Uint8Array<ArrayBuffer>, { status, headers: all }), body.length);
}

/** A value as Go's encoder writes it, with the newline that upstream's encoder leaves at the end. */
export function jsonAnswer(value: unknown, status = 200, options?: GoJsonOptions): Response {
  return bytesAnswer(utf8.encode(`${encodeGoJson(value, options)}\n`), status);
}

/** compat: the plain text of Go's http.Error: a newline at the end and no sniffing. */
export function textError(status: number, text: string): Response {
  const body = utf8.encode(`${text}\n`);
  return bytesAnswer(body, status, {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
  });
}

/** The answer to anything thrown. */
export function errorAnswer(error: unknown): Response {
  const described = describeHttp(error);
  const response = bytesAnswer(utf8.encode(described.body), described.status);
  (response as Marked)[failure] = described;
  return response;
}
