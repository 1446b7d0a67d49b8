import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../echo/main.ts", import.meta.url));

/** The echo app in a process of its own. */
export interface EchoApp {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the echo app on a free port; GET answers `size` bytes. */
export const startEcho = async (size: number): Promise<EchoApp> => {
  const child = Bun.spawn([process.execPath, program, "--size", String(size)], { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(new TextDecoder().decode(value));
  if (!(port > 0)) throw new Error("Starting the echo app failed: it printed no port");
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
