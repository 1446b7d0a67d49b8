import type { Thread } from "../types.ts";

/** Starts a Web Worker (Bun and Deno) from a module. An error that nobody catches in it reaches `onError`. */
export function startWebThread(source: string | URL): Thread {
  const worker = new Worker(source as URL, { type: "module" });
  const thread: Thread = {
    onMessage: null,
    onError: null,
    post: (message, transfer) => worker.postMessage(message, (transfer ?? []) as ArrayBuffer[]),
    async terminate() {
      await (worker.terminate() as unknown);
    },
  };
  worker.onmessage = (event: MessageEvent) => thread.onMessage?.(event.data);
  worker.onerror = (event: ErrorEvent) => {
    // portable: Deno ends the process when the event is left alone
    event.preventDefault();
    thread.onError?.(
      event.error instanceof Error ? event.error : new Error(event.message || "a thread failed to start"),
    );
  };
  return thread;
}
