import type { Random } from "../../src/kit/random.ts";

export type CallKind = "post" | "large" | "stream" | "socket";
export type Outcome = "ok" | "failed" | "hung" | "wrong";

/** One call and what the client saw of it. */
export interface CallRecord {
  readonly id: string;
  readonly kind: CallKind;
  readonly started: number;
  outcome: Outcome;
  ended: number;
  /** Status, error or what was wrong. */
  detail: string;
}

/** A call is over by then, one way or another. */
export const deadlineMs = 20_000;

function kindOf(random: Random): CallKind {
  const at = random.fraction();
  if (at < 0.7) return "post";
  if (at < 0.8) return "large";
  return at < 0.93 ? "stream" : "socket";
}

async function send(
  base: string,
  { id, kind }: CallRecord,
  random: Random,
  signal: AbortSignal,
): Promise<[Outcome, string]> {
  const size =
    kind === "large" ? 100_000 + Math.floor(random.fraction() * 400_000) : Math.floor(random.fraction() * 2000);
  const body = new Uint8Array(size).fill(1);
  const path = kind === "stream" ? "/stream" : "/record";
  const streamed = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < size; at += 500) controller.enqueue(body.subarray(at, at + 500));
      controller.close();
    },
  });
  const answer = await fetch(`${base}${path}/${id}?size=${size}`, {
    method: "POST",
    body: kind === "stream" ? streamed : body,
    signal,
    // What the client keeps open by itself would count as the sidecar's.
    keepalive: false,
    ...({ duplex: "half" } as object),
  });
  const text = await answer.text();
  if (answer.status !== 200) return ["failed", `${answer.status} ${text}`];
  return text.endsWith(id) ? ["ok", "200"] : ["wrong", `200 with ${JSON.stringify(text.slice(0, 200))}`];
}

function openSocket(base: string, { id }: CallRecord, signal: AbortSignal): Promise<[Outcome, string]> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${base.replace("http", "ws")}/socket/${id}`);
    const end = (outcome: Outcome, detail: string): void => {
      resolve([outcome, detail]);
      socket.close();
    };
    signal.addEventListener("abort", () => end("failed", "aborted"));
    socket.onopen = () => socket.send("record");
    socket.onmessage = ({ data }) => end(data === id ? "ok" : "wrong", String(data));
    socket.onclose = ({ code }) => end("failed", `closed with ${code}`);
    socket.onerror = () => end("failed", "error");
  });
}

/** Makes one call of a kind drawn at random, of the app at `base`, and says how it went. Never rejects. */
export async function makeCall(base: string, id: string, random: Random): Promise<CallRecord> {
  const record: CallRecord = { id, kind: kindOf(random), started: Date.now(), outcome: "hung", ended: 0, detail: "" };
  const control = new AbortController();
  const made = (
    record.kind === "socket" ? openSocket(base, record, control.signal) : send(base, record, random, control.signal)
  ).catch((error: unknown): [Outcome, string] => ["failed", error instanceof Error ? error.message : String(error)]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<[Outcome, string]>((resolve) => {
    timer = setTimeout(() => resolve(["hung", `no end after ${deadlineMs} ms`]), deadlineMs);
  });
  [record.outcome, record.detail] = await Promise.race([made, late]);
  clearTimeout(timer);
  control.abort();
  record.ended = Date.now();
  return record;
}
