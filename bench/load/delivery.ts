// Publishes events at a rate and takes them in as the app, in one process, so that one clock times both ends. Prints the app's port;
// then for each line `URL RATE SECONDS` that it reads, one line of JSON: milliseconds at the 50th and 99th of 100.
const note = "a".repeat(1000);
let cameAt: number[] = [];

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: async (request) => {
    const at = performance.now();
    if (request.method !== "POST") return new Response("", { status: 404 });
    const number = /"order":(\d+)/.exec(await request.text())?.[1];
    if (number !== undefined) cameAt[Number(number)] ??= at;
    return new Response("");
  },
});

/** Times from the moment when each publish was due to the event's arrival, in ms, sorted. */
const publishAtRate = async (url: string, rate: number, seconds: number): Promise<number[]> => {
  cameAt = [];
  const total = rate * seconds;
  const begin = performance.now();
  const dueAt = (index: number): number => begin + (index * 1000) / rate;
  const headers = { "content-type": "application/json" };
  const sends: Promise<unknown>[] = [];
  for (let next = 0; next < total; ) {
    for (; next < total && dueAt(next) <= performance.now(); next++)
      sends.push(fetch(url, { method: "POST", headers, body: `{"order":${next},"note":"${note}"}` }));
    await Bun.sleep(1);
  }
  await Promise.all(sends);
  const isThere = (): boolean => cameAt.length === total && !cameAt.includes(undefined as unknown as number);
  for (let waited = 0; !isThere(); waited++) {
    if (waited > 1000) throw new Error(`Delivering failed: not all of ${total} events came`);
    await Bun.sleep(10);
  }
  return cameAt.map((at, index) => at - dueAt(index)).sort((a, b) => a - b);
};

console.log(server.port);
for await (const line of console) {
  const [url = "", rate = "", seconds = ""] = line.split(" ");
  const times = await publishAtRate(url, Number(rate), Number(seconds));
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99) }));
}
