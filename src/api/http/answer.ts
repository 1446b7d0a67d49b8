import { describeHttp, type HttpError } from "../../errors/http.ts";
import { responseOf } from "../../kit/any-status.ts";
import { encodeGoJson, type GoJsonOptions } from "../../kit/go-json.ts";
import { WholeAnswer } from "./whole-answer.ts";

const size = Symbol("pillion.size");
const failure = Symbol("pillion.failure");
type Marked = Response & { [size]?: number; [failure]?: HttpError };

/** What a handler gives: the web's response where the body is a stream, else an answer that is all there. */
export type HttpAnswer = Response | WholeAnswer;

const utf8 = new TextEncoder();
const json = "application/json";

/** Notes how many bytes the body of a response has, so that nobody has to count them later. */
export function sized(response: Response, bytes: number): Response {
  (response as Marked)[size] = bytes;
  return response;
}

/** The noted size of an answer's body in bytes, 0 when it has none; undefined when it has to be counted. */
export function knownSize(response: HttpAnswer): number | undefined {
  if (response instanceof WholeAnswer) return response.body === null ? 0 : response.body.length;
  const noted = (response as Marked)[size];
  if (noted !== undefined) return noted;
  if (response.body === null) return 0;
  const length = response.headers.get("content-length");
  return length === null ? undefined : Number(length);
}

/** Notes that an answer made by hand stands for an error, which the error-code metric then counts. */
export function failedWith<T extends HttpAnswer>(response: T, error: unknown): T {
  mark(response, describeHttp(error));
  return response;
}

function mark(response: HttpAnswer, described: HttpError): void {
  if (response instanceof WholeAnswer) response.failure = described;
  else (response as Marked)[failure] = described;
}

/** The error that an answer stands for, if any. */
export function failureOf(response: HttpAnswer): HttpError | undefined {
  return response instanceof WholeAnswer ? response.failure : (response as Marked)[failure];
}

/** 204 without a body: the answer of all that has nothing to say. */
export function emptyAnswer(status = 204, headers?: Readonly<Record<string, string>>): WholeAnswer {
  return withLines(new WholeAnswer(status, null), headers);
}

/** Bytes as they are; JSON unless the headers name another content type. Throws TypeError for what is no header. */
export function bytesAnswer(body: Uint8Array, status = 200, headers?: Readonly<Record<string, string>>): WholeAnswer {
  const answer = new WholeAnswer(status, body);
  if (headers?.["content-type"] === undefined) answer.lines.push("content-type", json);
  return withLines(answer, headers);
}

function withLines(answer: WholeAnswer, headers: Readonly<Record<string, string>> | undefined): WholeAnswer {
  for (const name in headers) answer.append(name, headers[name] as string);
  return answer;
}

/** A value as Go's encoder writes it, with the newline that upstream's encoder leaves at the end. */
export function jsonAnswer(value: unknown, status = 200, options?: GoJsonOptions): WholeAnswer {
  return bytesAnswer(utf8.encode(`${encodeGoJson(value, options)}\n`), status);
}

/** compat: the plain text of Go's http.Error: a newline at the end and no sniffing. */
export function textError(status: number, text: string): WholeAnswer {
  const body = utf8.encode(`${text}\n`);
  return bytesAnswer(body, status, {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
  });
}

/** The answer to anything thrown. */
export function errorAnswer(error: unknown): WholeAnswer {
  const described = describeHttp(error);
  const answer = bytesAnswer(utf8.encode(described.body), described.status);
  answer.failure = described;
  return answer;
}

/** The answer as the web's response. */
export function webResponse(answer: HttpAnswer): Response {
  if (!(answer instanceof WholeAnswer)) return answer;
  const response = responseOf(answer.body, { status: answer.status, headers: answer.pairs() });
  if (answer.failure !== undefined) mark(response, answer.failure);
  return sized(response, answer.body === null ? 0 : answer.body.length);
}
