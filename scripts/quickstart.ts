import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.ts";
import { makeOrders } from "./sample/order-data.ts";
import {
  needPorts,
  type SampleRun,
  type SampleRuntime,
  sampleRuntimes,
  startSample,
  until,
} from "./sample/sample-run.ts";
import { root } from "./shell.ts";

/**
 * Builds the executable, runs the sample's two services on it, sends them a thousand orders and says what happened. `--keep`
 * leaves it running, `--runtime deno|node` runs the sources on that runtime instead. It ends within four minutes.
 */
const count = 1000;
const customers = 16;
const limitSeconds = 240;

const { values } = parseArgs({
  options: {
    keep: { type: "boolean" },
    runtime: { type: "string", default: "executable" },
  },
});
const runtime = sampleRuntimes.find((name): name is SampleRuntime => name === values.runtime);
if (runtime === undefined) {
  console.error(`unknown runtime "${values.runtime}", known: ${sampleRuntimes.join(", ")}`);
  process.exit(2);
}

interface KeptOrder {
  readonly key: string;
  readonly data?: {
    readonly status: string;
    readonly parcel?: string;
    readonly cents: number;
    readonly quantity: number;
  };
}

async function json<T>(url: string, body: unknown): Promise<T> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`POST ${url} was answered ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const executable = join(root, "dist", "pillion");
const dataDir = mkdtempSync(join(tmpdir(), "pillion-quickstart-"));
const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(2)} s`.padStart(8);
const tell = (what: string, from: number): void => console.log(`${what.padEnd(62)}${seconds(from)}`);

async function placeAndShip(orders: string, shipping: string): Promise<void> {
  const list = makeOrders(count);
  const started = performance.now();
  let next = 0;
  const customer = async (): Promise<void> => {
    for (let order = list[next++]; order !== undefined; order = list[next++]) {
      await json(`${shipping}/invoke/orders/method/orders`, order);
    }
  };
  await Promise.all(Array.from({ length: customers }, customer));
  tell(`${count} orders placed: called by name, saved, told as events`, started);
  const keys = list.map((order) => order.id);
  const kept = await until("every order to be shipped", 90, async () => {
    const found = await json<KeptOrder[]>(`${orders}/state/statestore/bulk`, { keys, parallelism: 10 });
    return found.every((item) => item.data?.status === "shipped") ? found : undefined;
  });
  tell(`${count} orders shipped: heard of by events, told back by events`, started);
  const worth = kept.reduce((sum, { data }) => sum + (data?.cents ?? 0) * (data?.quantity ?? 0), 0) / 100;
  const number = kept.find(({ key }) => key === keys.at(-1))?.data?.parcel;
  const parcel = (await (await fetch(`${shipping}/state/statestore/${number}`)).json()) as { readonly to: string };
  if (parcel.to !== list.at(-1)?.city) throw new Error(`parcel "${number}" goes to "${parcel.to}"`);
  console.log(
    `Read back: ${kept.length} orders worth ${worth.toFixed(2)}, the last one in parcel ${number} to ${parcel.to}.`,
  );
}

function explain(orders: string): void {
  console.log(`Still running, Ctrl+C ends it. In another terminal:
  curl ${orders}/state/statestore/order-0001
  curl '${orders}/invoke/orders/method/order?id=order-0002'
  curl -X POST ${orders}/publish/pubsub/order-placed -H 'content-type: application/json' -d '{"id":"order-0003"}'
  ${executable} list --data-dir ${dataDir}`);
}

/** Resolves with the exit code of a program that was told to end. */
const interrupted = new Promise<number>((resolve) => {
  process.once("SIGINT", () => resolve(130));
  process.once("SIGTERM", () => resolve(143));
});

async function work(sample: SampleRun, begun: number, runtime: SampleRuntime): Promise<void> {
  const orders = await sample.api("orders", 60);
  const shipping = await sample.api("shipping", 60);
  tell(`Two services and their runtime are ready (${runtime})`, begun);
  await placeAndShip(orders, shipping);
  if (values.keep) explain(orders);
}

/** Answers the exit code. */
async function main(runtime: SampleRuntime): Promise<number> {
  const begun = performance.now();
  await needPorts();
  if (runtime === "executable") {
    await build(undefined, executable);
    tell("The executable is built: dist/pillion", begun);
  }
  const started = performance.now();
  const sample = startSample(runtime, dataDir);
  const over = sample.exited.then((code): number => {
    throw new Error(`the sample ended with exit code ${code}`);
  });
  const late = values.keep
    ? new Promise<never>(() => undefined)
    : new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`it took longer than ${limitSeconds} s`)), limitSeconds * 1000);
      });
  try {
    const code = await Promise.race([work(sample, started, runtime).then(() => 0), over, late, interrupted]);
    if (values.keep && code === 0) await Promise.race([over, interrupted]);
    else if (code !== 0) return code;
  } catch (error) {
    console.error(sample.log());
    throw error;
  } finally {
    await sample.stop().catch(() => undefined);
  }
  console.log(`State, invocation and events all worked: ${((performance.now() - begun) / 1000).toFixed(1)} s.`);
  return 0;
}

try {
  process.exitCode = await main(runtime);
} catch (error) {
  console.error(`quickstart failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
process.exit();
