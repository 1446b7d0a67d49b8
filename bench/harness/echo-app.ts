import { fileURLToPath } from "node:url";

const program = (name: string): string => fileURLToPath(new URL(`../echo/${name}.ts`, import.meta.url));

/** The echo app in a process of its own. */
export interface EchoApp {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the echo app on a free port; GET answers `size` bytes. */
export const startEcho = (size: number): Promise<EchoApp> => start("main", ["--size", String(size)]);

/** Starts an app that takes events at `/event`, and bulks of them at `/bulk`; GET `/count` answers how many it got. */
export const startSubscriber = (): Promise<EchoApp> => start("subscriber", []);

/** Starts an app that answers a POST when a block for it is in the file and synced. */
export const startDurableEcho = (file: string): Promise<EchoApp> => start("durable", [file]);

const start = async (name: string, flags: readonly string[]): Promise<EchoApp> => {
  const child = Bun.spawn([process.execPath, program(name), ...flags], { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(new TextDecoder().decode(value));
  if (!(port > 0)) throw new Error(`Starting the ${name} app failed: it printed no port`);
  return {
    pid: child.pid,
    port,
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill();
      await child.exited;
    },
  };
};
