// Reads a URL to its end, again and again, until it is killed: `bun bench/echo/stream-reader.ts URL`.
const url = process.argv[2] ?? "";
for (;;) {
  const answer = await fetch(url);
  let bytes = 0;
  for await (const part of answer.body ?? []) bytes += (part as Uint8Array).length;
  if (bytes !== 2 ** 30) throw new Error(`"${url}" gave ${bytes} bytes`);
}
