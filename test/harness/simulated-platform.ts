import { createSeededRandom } from "../../src/kit/seeded-random.ts";
import type { VirtualClock } from "../../src/kit/virtual-clock.ts";
import type { FetchHandler, HttpListen, Platform, TcpHandlers } from "../../src/platform/types.ts";
import { hostPlatform } from "./host-platform.ts";

/** An app of the simulation: gets the head and body of each request as text, answers a status. */
export type SimulatedApp = (request: string) => number;

/** A host without sockets, threads or wall time: listeners are called as functions, apps answer as functions. */
export interface Simulation {
  readonly platform: Platform;
  /** Calls what listens on a port. */
  call(port: number, path: string, init?: RequestInit): Promise<Response>;
  readonly apps: Map<number, SimulatedApp>;
}

/** Makes one on the SQLite of the runtime that runs the test. */
export async function simulate(clock: VirtualClock, seed: number): Promise<Simulation> {
  const { sqlite, files } = await hostPlatform();
  const listeners = new Map<number, FetchHandler>();
  const apps = new Map<number, SimulatedApp>();
  let nextPort = 1;
  const listen = async (at: HttpListen) => {
    const port = at.port === 0 ? nextPort++ : at.port;
    return { host: at.host, port, close: async () => void listeners.delete(port) };
  };
  const platform: Platform = {
    name: "bun",
    env: {},
    clock,
    random: createSeededRandom(seed),
    ...(sqlite !== undefined && { sqlite }),
    ...(files !== undefined && { files }),
    async serveHttp(at, handle) {
      const listener = await listen(at);
      listeners.set(listener.port, handle);
      return listener;
    },
    serveHttp2: listen,
    tcp: (at, handlers) => answerAs(apps.get(at.port), handlers),
  };
  return {
    platform,
    apps,
    async call(port, path, init) {
      const handle = listeners.get(port);
      if (handle === undefined) throw new Error(`nobody listens on port ${port}`);
      return handle(new Request(`http://127.0.0.1:${port}${path}`, init), { remoteAddress: "127.0.0.1" });
    },
  };
}

/** A connection on which every request is whole in one write, as small ones are. */
function answerAs(app: SimulatedApp | undefined, handlers: TcpHandlers): ReturnType<NonNullable<Platform["tcp"]>> {
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    handlers.onClose();
  };
  const receive = (text: string): boolean => {
    const status = app?.(text) ?? 500;
    queueMicrotask(() => {
      if (isOpen) handlers.onData(new TextEncoder().encode(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`));
    });
    return true;
  };
  queueMicrotask(() => (app === undefined ? close() : handlers.onOpen()));
  return {
    writeText: (text, body) => receive(text + (body === undefined ? "" : new TextDecoder().decode(body))),
    write: (chunk) => receive(new TextDecoder().decode(chunk)),
    destroy: () => queueMicrotask(close),
    pause: () => undefined,
    resume: () => undefined,
  };
}
