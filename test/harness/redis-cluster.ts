import { createClient } from "redis";
import { type Backend, startBackend } from "../../scripts/backends.ts";
import { freePort } from "../../scripts/free-ports.ts";

/** Sends one command to a server and gives the answer as text. */
export async function redisCommand(server: Pick<Backend, "address">, ...args: string[]): Promise<string> {
  const client = await createClient({ url: `redis://${server.address}`, RESP: 2 }).connect();
  try {
    return String(await client.sendCommand(args));
  } finally {
    client.destroy();
  }
}

/** Starts a Redis Cluster of three nodes without replicas; resolves when it works. */
export async function startRedisCluster(): Promise<{ readonly nodes: readonly Backend[]; stop(): Promise<void> }> {
  const nodes: Backend[] = [];
  for (let at = 0; at < 3; at++) {
    const args = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    // The port between nodes is 10000 above, and must not be one of outgoing connections either.
    const port = await freePort(22_000);
    const node = await startBackend("redis", { args, port });
    if (node === undefined) throw new Error("a cluster needs redis-server");
    nodes.push(node);
  }
  const [first] = nodes as [Backend, ...Backend[]];
  for (const [at, node] of nodes.entries()) {
    const [from, to] = [Math.ceil((16_384 * at) / 3), Math.ceil((16_384 * (at + 1)) / 3) - 1];
    await redisCommand(node, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    if (node !== first) await redisCommand(first, "CLUSTER", "MEET", "127.0.0.1", String(node.port));
  }
  for (const node of nodes)
    for (let tries = 0; !(await redisCommand(node, "CLUSTER", "INFO")).includes("cluster_state:ok"); tries++) {
      if (tries === 600) throw new Error("the cluster did not come up within 30 s");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
