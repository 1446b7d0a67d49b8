/** A line that does not end is passed on in pieces of this size. */
const longestLine = 1 << 20;

/** Hands on every line of a stream as soon as it is complete, without its end; what is left at the end counts as a line. */
export async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  const split = (text: string): void => {
    rest += text;
    let start = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", start)) {
      take(rest.slice(start, rest[end - 1] === "\r" ? end - 1 : end));
      start = end + 1;
    }
    rest = rest.slice(start);
    for (; rest.length > longestLine; rest = rest.slice(longestLine)) take(rest.slice(0, longestLine));
  };
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      split(decoder.decode(next.value, { stream: true }));
    }
  } finally {
    split(decoder.decode());
    if (rest !== "") take(rest);
  }
}
