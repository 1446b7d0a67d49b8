import { type BodyEnd, isBodiless } from "./http1-answer.ts";

/** Where a streamed answer goes. */
export interface StreamSink {
  /** Sends the header; false: the body goes out bare although its end is "chunks". */
  begin(end: BodyEnd): boolean;
  /** Sends bytes that stay as they are. Resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** The same as a chunk of the chunked coding. */
  writeChunk(bytes: Uint8Array): Promise<void> | undefined;
  isGone(): boolean;
  onGone(call: () => void): void;
}

const lastChunk = Buffer.from("0\r\n\r\n");
const nextTurn = () => new Promise<"later">((resolve) => setImmediate(resolve, "later"));

type Part = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/** Sends an answer whose body is a stream. False: the body ended early, or was longer than it said. */
export async function sendStream(answer: Response, bodiless: boolean, sink: StreamSink): Promise<boolean> {
  const announced = announcedLength(answer);
  if (bodiless || answer.body === null) {
    await answer.body?.cancel().catch(() => undefined);
    if (isBodiless(answer.status)) sink.begin("none");
    else if (answer.body !== null || bodiless) sink.begin(announced ?? (answer.body === null ? 0 : "none"));
    else sink.begin(0);
    return true;
  }
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  sink.onGone(() => void reader.cancel().catch(() => undefined));
  try {
    return await pump(reader, announced, sink);
  } catch {
    return false;
  }
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  announced: number | undefined,
  sink: StreamSink,
): Promise<boolean> {
  let part: Part = await reader.read();
  let next: Promise<Part> | undefined;
  let length = announced;
  // A body that is whole already goes out with its length, as the other runtimes do; one that is still growing starts at once.
  if (part.done) length ??= 0;
  else if (length === undefined) {
    const second = reader.read();
    second.catch(() => undefined);
    next = second;
    const soon = await Promise.race([second, nextTurn()]);
    if (soon !== "later" && soon.done) length = part.value.byteLength;
  }
  if (sink.isGone()) return false;
  const isFramed = sink.begin(length ?? "chunks") && length === undefined;
  let sent = 0;
  while (!part.done) {
    sent += part.value.byteLength;
    if (length !== undefined && sent > length) {
      await reader.cancel();
      return false;
    }
    if (part.value.byteLength > 0) await (isFramed ? sink.writeChunk(part.value) : sink.write(part.value));
    if (sink.isGone()) return false;
    part = await (next ?? reader.read());
    next = undefined;
  }
  if (sink.isGone()) return false;
  if (isFramed) await sink.write(lastChunk);
  return length === undefined || sent === length;
}

function announcedLength(answer: Response): number | undefined {
  const text = answer.headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Headers as name, value, name, value. */
export function linesOf(headers: Headers): string[] {
  const lines: string[] = [];
  headers.forEach((value, name) => {
    if (name !== "set-cookie") lines.push(name, value);
  });
  for (const cookie of headers.getSetCookie()) lines.push("set-cookie", cookie);
  return lines;
}
