/** The thread's end of a `Thread`. Messages that came before `onMessage` was assigned are handed over on assignment. */
export interface ThreadPort {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage: ((message: unknown) => void) | null;
}

interface WorkerScope {
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** Opens the line to the thread that started this one. Throws on the main thread of Node. */
export function createThreadPort(): ThreadPort {
  let handle: ((message: unknown) => void) | null = null;
  let early: unknown[] = [];
  const receive = (message: unknown) => {
    if (handle === null) early.push(message);
    else handle(message);
  };
  const post = connect(receive);
  return {
    post: (message, transfer) => post(message, transfer ?? []),
    get onMessage() {
      return handle;
    },
    set onMessage(next) {
      handle = next;
      if (next === null) return;
      const waiting = early;
      early = [];
      for (const message of waiting) next(message);
    },
  };
}

function connect(receive: (message: unknown) => void): (message: unknown, transfer: readonly ArrayBuffer[]) => void {
  if ("Bun" in globalThis || "Deno" in globalThis) {
    const scope = globalThis as unknown as WorkerScope;
    scope.onmessage = (event) => receive(event.data);
    return (message, transfer) => scope.postMessage(message, transfer);
  }
  const { parentPort } = process.getBuiltinModule("node:worker_threads");
  if (parentPort === null) throw new Error("opening a thread's port failed: this is the main thread");
  parentPort.on("message", receive);
  return (message, transfer) => parentPort.postMessage(message, transfer as ArrayBuffer[]);
}
