import { appendFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** How a service treats an event: as documented, or it says that it is done before it has begun. */
export type Handling = "exactly-once" | "ack-first";

export interface ServiceOptions {
  readonly handling: Handling;
  /** HTTP API of its sidecar. */
  readonly api: string;
  /** One line for each event that it worked on. */
  readonly log: string;
  /** How long the work on an event takes, in milliseconds. */
  workMs(): number;
}

/** A service that handles orders, one event at a time or several at once. */
export interface Service {
  readonly port: number;
  /** Events that it works on. */
  readonly inHand: number;
  close(): Promise<void>;
}

interface Event {
  readonly data: { readonly order: number };
}

/** The state and messages that an event causes, as the operations of a transaction. */
type Effect = (order: number) => Promise<readonly object[]>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** The name of an order in keys and events. */
export function orderName(order: number): string {
  return `order-${String(order).padStart(4, "0")}`;
}

async function startService(
  topic: string,
  options: ServiceOptions,
  handle: (event: Event, deliveryId: string) => Promise<{ readonly status: number; readonly body: object }>,
): Promise<Service> {
  const { handling, log, workMs } = options;
  let inHand = 0;
  async function work(event: Event, deliveryId: string) {
    inHand += 1;
    try {
      await pause(workMs());
      appendFileSync(log, `${orderName(event.data.order)}\n`);
      return await handle(event, deliveryId);
    } finally {
      inHand -= 1;
    }
  }
  const server: Server = createServer(async (request, response) => {
    const reply = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.url === "/dapr/subscribe") return reply(200, [{ pubsubname: "events", topic, route: "/take" }]);
    const text = await bodyOf(request);
    if (request.url !== "/take") return reply(404, {});
    const event = JSON.parse(text) as Event;
    if (handling === "ack-first") {
      reply(200, { status: "SUCCESS" });
      await work(event, "").catch(() => undefined);
      return;
    }
    const answer = await work(event, String(request.headers["dapr-delivery-id"])).catch(() => undefined);
    reply(answer?.status ?? 500, answer?.body ?? {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get inHand() {
      return inHand;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sends the operations as a transaction; with a delivery's id they are committed together with its acknowledgement. */
async function transact(api: string, operations: readonly object[], deliveryId: string): Promise<boolean> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (deliveryId !== "") headers["dapr-delivery-id"] = deliveryId;
  const body = JSON.stringify({ operations });
  const answer = await fetch(`${api}/v1.0/state/statestore/transaction`, { method: "POST", headers, body });
  await answer.arrayBuffer();
  return answer.status === 204;
}

/** One more on a counter that remembers how often the order has come this far; an ETag guards it. */
async function counted(api: string, key: string): Promise<object> {
  const found = await fetch(`${api}/v1.0/state/statestore/${key}`);
  const text = await found.text();
  if (found.status !== 200 && found.status !== 204) throw new Error(`reading ${key} answered ${found.status}`);
  const times = found.status === 204 ? 0 : (JSON.parse(text) as { times: number }).times;
  const etag = found.headers.get("etag");
  const guard = etag === null ? { options: { concurrency: "first-write" } } : { etag };
  return { operation: "upsert", request: { key, value: { times: times + 1 }, ...guard } };
}

/** Takes orders: notes them and asks for their shipment, in its answer to the event. */
export function startOrders(options: ServiceOptions): Promise<Service> {
  const { api, handling } = options;
  const effect: Effect = async (order) => [
    await counted(api, `accepted-${orderName(order)}`),
    { operation: "publish", request: { key: "shipments", value: { order }, metadata: { pubsubName: "events" } } },
  ];
  return startService("orders", options, async ({ data: { order } }) => {
    const operations = await effect(order);
    if (handling === "ack-first") await transact(api, operations, "");
    return { status: 200, body: { status: "SUCCESS", transaction: { storeName: "statestore", operations } } };
  });
}

/** Ships orders: with a request to the transaction API, in which it names the delivery. */
export function startShipping(options: ServiceOptions): Promise<Service> {
  const { api } = options;
  return startService("shipments", options, async ({ data: { order } }, deliveryId) => {
    const operations = [await counted(api, `shipped-${orderName(order)}`)];
    const isDone = await transact(api, operations, deliveryId);
    return { status: isDone ? 200 : 500, body: { status: isDone ? "SUCCESS" : "RETRY" } };
  });
}
