import { connect } from "node:http2";
import type { Sidecar } from "./subject.ts";

/** Events in the hands of an app that has not answered them. */
export interface HeldEvents {
  /** Delivery ids are this text and eight digits that count from `first`. */
  readonly prefix: string;
  readonly first: number;
  close(): void;
}

const batch = 500;

async function publish({ httpPort }: Sidecar, topic: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += batch) {
    const entries = Array.from({ length: Math.min(batch, count - from) }, (_, index) => {
      const id = `event-${from + index}`;
      return {
        entryId: id,
        event: { id, source: "bench", data: from + index },
        contentType: "application/cloudevents+json",
      };
    });
    const answer = await fetch(`http://127.0.0.1:${httpPort}/v1.0/publish/bulk/pubsub/${topic}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(entries),
    });
    if (answer.status !== 204) throw new Error(`Publishing events failed: ${answer.status} ${await answer.text()}`);
  }
}

/** A field of text in protobuf. */
const text = (field: number, value: string): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);

/** Publishes so many events and takes them on a stream that answers none. */
export const holdEvents = async (sidecar: Sidecar, topic: string, count: number): Promise<HeldEvents> => {
  await publish(sidecar, topic, count);
  const session = connect(`http://127.0.0.1:${sidecar.grpcPort}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/dapr.proto.runtime.v1.Dapr/SubscribeTopicEventsAlpha1",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const initial = Buffer.concat([text(1, "pubsub"), text(2, topic)]);
  const message = Buffer.concat([Buffer.from([(1 << 3) | 2, initial.length]), initial]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([head, message]));
  const all = Promise.withResolvers<void>();
  let id: RegExpExecArray | null = null;
  let rest: Buffer = Buffer.alloc(0);
  // The first message says that the subscription is there.
  let left = count + 1;
  stream.on("data", (chunk: Buffer) => {
    id ??= /dapr-delivery-id[^0-9a-f]+([0-9a-f-]{36}-)(\d{8})/.exec(chunk.toString("latin1"));
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      rest = rest.subarray(5 + rest.readUInt32BE(1));
      left -= 1;
    }
    if (left === 0) all.resolve();
  });
  stream.on("error", all.reject);
  stream.on("end", () => all.reject(new Error(`The stream ended with ${left} events missing`)));
  const late = setTimeout(() => all.reject(new Error(`${left} of ${count} events did not come within 30 s`)), 30_000);
  try {
    await all.promise;
    return { prefix: id?.[1] ?? "", first: Number(id?.[2]), close: () => session.destroy() };
  } finally {
    clearTimeout(late);
  }
};
