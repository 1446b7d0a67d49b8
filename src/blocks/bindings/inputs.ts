import type { BindingEvent, BindingReader } from "../../driver/bindings.ts";
import type { BindingApp, BindingPorts, Forward, OpenBinding } from "./ports.ts";

/** The input bindings of a sidecar: they bring events while the app is ready and healthy. */
export interface Inputs {
  /** The app is ready: asks it which bindings it wants and reads those. A binding that cannot be read is logged. */
  start(): Promise<void>;
  /** The app is not healthy: reads no more, until `start`. */
  pause(): Promise<void>;
  /** Reads no more for good; resolves when what is in the app is done. */
  stop(): Promise<void>;
  /** A binding came, went or was replaced. */
  reload(name: string): Promise<void>;
}

interface Running {
  /** Takes no new event and waits for those in the app, at most 30 s. */
  close(): Promise<void>;
}

const drainMs = 30_000;
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Reads the input bindings of one sidecar. `forward` sends an app's answer on to output bindings. */
export function createInputs(
  ports: BindingPorts,
  forward: (forward: Forward, signal: AbortSignal) => Promise<void>,
): Inputs {
  const { bindings, clock, log, meter } = ports;
  const running = new Map<string, Running>();
  const stopping = new AbortController();
  let isActive = false;
  let isStopped = false;
  /** Changes happen one after the other. */
  let queue: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work, work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  async function wants(app: BindingApp, binding: OpenBinding): Promise<boolean> {
    if (binding.isExplicitInput) return true;
    const limit = new AbortController();
    const cancel = clock.after(ports.probeTimeoutMs, () => limit.abort(new Error("context deadline exceeded")));
    try {
      return await app.wants(binding, AbortSignal.any([limit.signal, stopping.signal]));
    } finally {
      cancel();
    }
  }

  async function read(app: BindingApp, open: OpenBinding): Promise<Running> {
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const inHand = new Set<Promise<unknown>>();
    const policy = ports.inbound(open.name);
    let isClosing = false;

    async function deliver(event: BindingEvent): Promise<Uint8Array> {
      const started = clock.monotonic();
      let isTaken = false;
      try {
        const answer = await app.deliver(open, event, policy, signal);
        isTaken = true;
        if (answer.forward !== undefined) await forward(answer.forward, signal);
        return answer.body;
      } catch (error) {
        log.debug(`error from app consumer for binding [${open.name}]: ${reasonOf(error)}`);
        throw error;
      } finally {
        meter.inputBinding(open.name, isTaken, clock.monotonic() - started);
      }
    }
    async function handle(event: BindingEvent): Promise<Uint8Array> {
      if (isClosing) throw new Error("input binding is closed");
      const work = deliver(event);
      inHand.add(work);
      try {
        return await work;
      } finally {
        inHand.delete(work);
      }
    }

    const reader: BindingReader | undefined = await open.binding.read?.(handle, signal);
    async function close(): Promise<void> {
      isClosing = true;
      const late = Promise.withResolvers<void>();
      const cancel = clock.after(drainMs, () => {
        log.warn(`drain exceeded 30s; giving up the events of binding ${open.name} in the app`);
        giveUp.abort(new Error("input binding drain ceiling exceeded"));
        late.resolve();
      });
      try {
        await Promise.race([Promise.allSettled(inHand), late.promise]);
        const closed = reader?.close();
        closed?.catch((error: unknown) =>
          log.warn(`failed to close the reader of binding ${open.name}: ${reasonOf(error)}`),
        );
        await Promise.race([closed?.catch(() => undefined), late.promise]);
      } finally {
        cancel();
        giveUp.abort(new Error("input binding is closed"));
      }
    }
    return { close };
  }

  async function openOne(app: BindingApp, open: OpenBinding): Promise<void> {
    try {
      if (!(await wants(app, open))) {
        log.info(`app has not subscribed to binding ${open.name}.`);
        return;
      }
      if (isActive && !isStopped) running.set(open.name, await read(app, open));
    } catch (error) {
      if (!isStopped) log.warn(`failed to read from bindings: ${open.name}: ${reasonOf(error)}`);
    }
  }

  async function closeOne(name: string): Promise<void> {
    const entry = running.get(name);
    running.delete(name);
    await entry?.close();
  }

  /** Opens what should be open and closes what should not. */
  async function settle(): Promise<void> {
    const isReading = isActive && !isStopped;
    const wanted = isReading ? bindings.list().filter(({ isInput }) => isInput) : [];
    const names = new Set(wanted.map(({ name }) => name));
    await Promise.all([...running.keys()].filter((name) => !names.has(name)).map(closeOne));
    const missing = wanted.filter(({ name }) => !running.has(name));
    if (missing.length === 0) return;
    const app = ports.app();
    if (app === undefined) log.warn("failed to read from bindings: app channel not initialized");
    else await Promise.all(missing.map((open) => openOne(app, open)));
  }

  return {
    start: () =>
      inTurn(async () => {
        if (isActive || isStopped) return;
        isActive = true;
        await settle();
      }),
    pause: () =>
      inTurn(async () => {
        isActive = false;
        await settle();
      }),
    stop() {
      isStopped = true;
      stopping.abort(new Error("bindings are closed"));
      return inTurn(settle);
    },
    reload: (name) =>
      inTurn(async () => {
        await closeOne(name);
        const open = isActive && !isStopped ? bindings.find(name) : undefined;
        if (open?.isInput !== true) return;
        const app = ports.app();
        if (app !== undefined) await openOne(app, open);
      }),
  };
}
