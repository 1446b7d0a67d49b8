import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.ts";
import { makeOrders } from "./sample/order-data.ts";
import { root } from "./shell.ts";

/** Builds the executable, runs the sample's two services on it, sends them a thousand orders and says what happened. */
const count = 1000;
const keep = process.argv.includes("--keep");
const binary = join(root, "dist", "pillion");

async function until<T>(what: string, seconds: number, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await Bun.sleep(50);
  }
}

interface Listed {
  readonly appId: string;
  readonly httpPort: number;
}

async function portOf(appId: string): Promise<number> {
  return until(`"${appId}" to run`, 60, async () => {
    const listed = Bun.spawnSync([binary, "list", "--output", "json", "--data-dir", dataDir]).stdout.toString();
    const port = (JSON.parse(listed) as Listed[]).find((app) => app.appId === appId)?.httpPort;
    return port !== undefined && (await fetch(`http://127.0.0.1:${port}/v1.0/healthz`)).status === 204
      ? port
      : undefined;
  });
}

const dataDir = mkdtempSync(join(tmpdir(), "pillion-quickstart-"));
let child: ChildProcess | undefined;
try {
  if (!existsSync(binary)) console.log("Building the executable ...");
  await build(undefined, binary);
  child = spawn(binary, ["run", "-f", "scripts/sample/dapr.yaml", "--data-dir", dataDir], {
    cwd: root,
    stdio: ["ignore", keep ? "inherit" : "ignore", "inherit"],
  });
  const port = await portOf("orders");
  const api = `http://127.0.0.1:${port}/v1.0`;
  await portOf("shipping");
  const started = performance.now();
  const orders = makeOrders(count);
  let sent = 0;
  const customer = async (): Promise<void> => {
    for (let order = orders[sent++]; order !== undefined; order = orders[sent++]) {
      const answer = await fetch(`${api}/invoke/orders/method/orders`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(order),
      });
      if (!answer.ok) throw new Error(`order "${order.id}" was refused: ${answer.status} ${await answer.text()}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, customer));
  const placed = performance.now();
  const keys = orders.map((order) => order.id);
  const done = await until("every order to be shipped", 60, async () => {
    const answer = await fetch(`${api}/state/statestore/bulk`, { method: "POST", body: JSON.stringify({ keys }) });
    const found = (await answer.json()) as { data?: { status: string; cents: number; quantity: number } }[];
    return found.filter((item) => item.data?.status === "shipped").length === count ? found : undefined;
  });
  const shipped = performance.now();
  const euros = done.reduce((sum, item) => sum + (item.data?.cents ?? 0) * (item.data?.quantity ?? 0), 0) / 100;
  console.log(`${count} orders placed by name        ${((placed - started) / 1000).toFixed(2)} s`);
  console.log(`${count} shipped, told by events       ${((shipped - started) / 1000).toFixed(2)} s`);
  console.log(`worth ${euros.toFixed(2)}, kept in ${dataDir}`);
  console.log("Two services, one executable: state, invocation and events all worked.");
  if (keep) {
    console.log(`Still running. Try: curl ${api}/state/statestore/order-0001   (Ctrl+C ends it)`);
    await new Promise((resolve) => child?.on("exit", resolve));
  }
} finally {
  if (child?.exitCode === null) {
    child.kill("SIGINT");
    await new Promise((resolve) => child?.on("exit", resolve));
  }
  if (!keep) rmSync(dataDir, { recursive: true, force: true });
}
