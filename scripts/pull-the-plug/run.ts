import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { checkOrders, type Verdict } from "./check.ts";
import { createPlug, type Moment } from "./plug.ts";
import { type Handling, orderName, startOrders, startShipping } from "./services.ts";

export interface PullOptions {
  readonly command: readonly string[];
  readonly folder: string;
  readonly seed: number;
  readonly handling: Handling;
  readonly orders: number;
  readonly kills: number;
  say(line: string): void;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Numbers in [0, 1) that a seed repeats. */
function seeded(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function component(name: string, type: string, metadata: Readonly<Record<string, string>>): string {
  const items = Object.entries(metadata).map(
    ([key, value]) => `  - name: ${key}\n    value: ${JSON.stringify(value)}\n`,
  );
  return `apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${name}\nspec:\n  type: ${type}\n  version: v1\n  metadata:\n${items.join("")}`;
}

function writeFolder(
  folder: string,
  database: string,
  apps: readonly { id: string; app: number; http: number }[],
): void {
  mkdirSync(join(folder, "resources"), { recursive: true });
  const broker = { path: database, concurrency: "4", leaseDuration: "300ms", backOffInitialInterval: "50ms" };
  writeFileSync(join(folder, "resources/events.yaml"), component("events", "pubsub.embedded", broker));
  const store = component("statestore", "state.sqlite", { connectionString: database });
  writeFileSync(join(folder, "resources/statestore.yaml"), store);
  const list = apps.map(
    ({ id, app, http }) => `  - appID: ${id}\n    appDirPath: .\n    appPort: ${app}\n    daprHTTPPort: ${http}\n`,
  );
  const common = "common:\n  resourcesPath: resources\n  logLevel: warn\n  daprdLogDestination: console\n";
  writeFileSync(join(folder, "dapr.yaml"), `version: 1\n${common}apps:\n${list.join("")}`);
}

/** Publishes an order until its publisher is told that it is on disk; the event has the same id each time. */
async function publish(api: string, order: number): Promise<void> {
  const url = `${api}/v1.0/publish/events/orders?metadata.cloudevent.id=${orderName(order)}`;
  for (;;) {
    try {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ order }) });
      await answer.arrayBuffer();
      if (answer.status === 204) return;
    } catch {
      // The plug is pulled.
    }
    await pause(20);
  }
}

/** Sends orders through two services while the only process is killed again and again; answers what became of them. */
export async function pullThePlug(options: PullOptions): Promise<Verdict> {
  const { command, folder, seed, handling, orders, kills, say } = options;
  const random = seeded(seed);
  const database = join(folder, "orders.db");
  const files = { database, orders: join(folder, "orders.log"), shipping: join(folder, "shipping.log") };
  for (const file of [files.orders, files.shipping]) writeFileSync(file, "");
  const [ordersHttp = 0, shippingHttp = 0] = await freePorts(2);
  const apis = [ordersHttp, shippingHttp].map((port) => `http://127.0.0.1:${port}`) as [string, string];
  const work = seeded(seed + 1);
  const workMs = (): number => 10 + work() * 40;
  const first = await startOrders({ handling, api: apis[0], log: files.orders, workMs });
  const second = await startShipping({ handling, api: apis[1], log: files.shipping, workMs });
  writeFolder(folder, database, [
    { id: "orders", app: first.port, http: ordersHttp },
    { id: "shipping", app: second.port, http: shippingHttp },
  ]);
  const plug = createPlug({ command, folder, database, apis });
  await plug.start();

  /** Orders arrive throughout: so many for each life of the process, and the rest in its last one. */
  const share = Math.floor(orders / (kills + 1));
  let allowed = share;
  const underWay = new Set<Promise<void>>();
  const arrivals = (async () => {
    for (let order = 1; order <= orders; order++) {
      while (order > allowed) await pause(2);
      const sending = publish(apis[0], order);
      underWay.add(sending);
      void sending.finally(() => underWay.delete(sending));
      await pause(2 + random() * 8);
    }
    await Promise.all(underWay);
  })();

  for (let kill = 1; kill <= kills; kill++) {
    await pause(300 + random() * 900);
    const isFull = ({ undelivered, inFlight }: Moment): boolean =>
      undelivered > 0 && inFlight > 0 && first.inHand + second.inHand > 0;
    let drawn = await plug.pullIf(isFull);
    for (; !drawn.isPulled; drawn = await plug.pullIf(isFull)) {
      allowed = Math.min(orders, allowed + 5);
      await pause(10 + random() * 40);
    }
    const { undelivered, inFlight } = drawn.moment;
    say(`kill ${kill}: ${undelivered} acknowledged and undelivered, ${inFlight} in flight`);
    allowed = Math.max(allowed, kill === kills ? orders : share * (kill + 1));
    await plug.start();
  }
  await arrivals;

  // Drained: nothing waits, not for the end of a dead process's lease either, and the apps have nothing in hand.
  for (let quiet = 0, end = Date.now() + 20_000; quiet < 3 && Date.now() < end; ) {
    await pause(200);
    const { moment } = await plug.pullIf(() => false);
    const isQuiet = moment.undelivered + moment.open + first.inHand + second.inHand === 0;
    quiet = isQuiet ? quiet + 1 : 0;
  }
  await plug.stop();
  await Promise.all([first.close(), second.close()]);
  return checkOrders(orders, files);
}
