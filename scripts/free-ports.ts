import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Ports that this process gave out: what was told one may not listen yet, or be started anew. */
const given = new Set<number>();

/**
 * A port that is free at this moment, below those that systems give to outgoing connections and to whoever asks for any: one of those
 * could be taken before the server has it.
 */
export async function freePort(below = 32_000): Promise<number> {
  for (let tries = 0; tries < 1_000; tries++) {
    const port = randomInt(10_240, below);
    if (given.has(port)) continue;
    given.add(port);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error(`no port below ${below} is free`);
}

/** Several of them, all different. */
export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort()));
}
