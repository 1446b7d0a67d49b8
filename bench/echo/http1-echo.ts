import { ChunkedBody } from "../wire/chunked-body.ts";
import { scanHead } from "../wire/http1-head.ts";
import { joinBytes } from "../wire/join-bytes.ts";
import { createAnswerRoom } from "./answer-room.ts";
import type { Session, Write } from "./session.ts";

const utf8 = new TextEncoder();

const head = (status: string, size: number, type = "application/octet-stream") =>
  utf8.encode(`HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${size}\r\n\r\n`);

const isGet = (bytes: Uint8Array, at: number) => bytes[at] === 71 && bytes[at + 1] === 69;

/** True for `/dapr/…`, where a sidecar asks its app for configuration that this app does not have. */
const isSidecarQuestion = (bytes: Uint8Array, start: number): boolean => {
  let at = start;
  while (bytes[at] !== 32) at++;
  return (
    bytes[at + 2] === 100 &&
    bytes[at + 3] === 97 &&
    bytes[at + 4] === 112 &&
    bytes[at + 5] === 114 &&
    bytes[at + 6] === 47
  );
};

/** Answers GET with `size` letters and every other method with the body that it got; pipelined requests in one write. */
export const createHttp1Echo = (size: number) => {
  const getAnswer = joinBytes(head("200 OK", size), new Uint8Array(size).fill(97));
  const missing = joinBytes(head("404 Not Found", 0));
  const heads = new Map<number, Uint8Array>();
  const headFor = (length: number): Uint8Array => {
    const known = heads.get(length);
    if (known !== undefined) return known;
    const made = head("200 OK", length);
    if (heads.size < 1000) heads.set(length, made);
    return made;
  };
  const room = createAnswerRoom();

  return (write: Write): Session => {
    const request = { end: 0, length: 0 };
    let held: Uint8Array | undefined;
    return (input, length) => {
      let bytes = input;
      let end = length;
      if (held !== undefined) {
        bytes = joinBytes(held, input.subarray(0, length));
        end = bytes.length;
        held = undefined;
      }
      let at = 0;
      while (at < end && scanHead(bytes, at, end, request)) {
        let stop = request.end + Math.max(request.length, 0);
        if (request.length === -1) {
          const pieces: Uint8Array[] = [];
          stop = new ChunkedBody().read(bytes, request.end, end, (from, to) => pieces.push(bytes.slice(from, to)));
          if (stop < 0) break;
          const body = joinBytes(...pieces);
          room.put(headFor(body.length));
          room.put(body);
        } else {
          if (stop > end) break;
          if (isSidecarQuestion(bytes, at)) room.put(missing);
          else if (isGet(bytes, at)) room.put(getAnswer);
          else {
            room.put(headFor(stop - request.end));
            room.put(bytes.subarray(request.end, stop));
          }
        }
        at = stop;
      }
      if (at < end) held = bytes.slice(at, end);
      room.send(write);
    };
  };
};
