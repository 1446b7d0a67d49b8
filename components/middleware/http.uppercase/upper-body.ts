import type { MessageBody } from "../../../src/kit/http-message.ts";

/** One character for one, as Go's `unicode.ToUpper`: what becomes several (`ß`) stays. */
function upperText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
  if (/^[\x00-\x7f]*$/.test(text)) return text.toUpperCase();
  let upper = "";
  for (const char of text) {
    const changed = char.toUpperCase();
    upper += [...changed].length === 1 ? changed : char;
  }
  return upper;
}

/** A UTF-8 body in upper case; a stream stays one, and no character is torn at the edges of its parts. */
export function upperBody(body: Uint8Array | ReadableStream<Uint8Array>): NonNullable<MessageBody> {
  const utf8 = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  if (body instanceof Uint8Array) return utf8.encode(upperText(decoder.decode(body)));
  // portable: Bun's TransformStream does not hand a cancelled reader on to its source.
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read();
          const text = decoder.decode(value, { stream: !done });
          if (text !== "") controller.enqueue(utf8.encode(upperText(text)));
          if (done) controller.close();
          if (done || text !== "") return;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
