// Reads 1 GiB from a URL, so often or again and again until it is killed: `bun bench/echo/stream-reader.ts URL [TIMES]`.
const url = process.argv[2] ?? "";
const times = Number(process.argv[3] ?? Number.POSITIVE_INFINITY);
for (let time = 0; time < times; time++) {
  const answer = await fetch(url);
  let bytes = 0;
  for await (const part of answer.body ?? []) bytes += (part as Uint8Array).length;
  if (bytes !== 2 ** 30) throw new Error(`"${url}" gave ${bytes} bytes`);
}
