import type { Thread } from "../types.ts";

/** Starts a Node worker from a module. An error that nobody catches in it reaches `onError`. */
export function startNodeThread(source: URL): Thread {
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const worker = new Worker(source);
  const thread: Thread = {
    onMessage: null,
    onError: null,
    post: (message, transfer) => worker.postMessage(message, (transfer ?? []) as ArrayBuffer[]),
    async terminate() {
      await worker.terminate();
    },
  };
  worker.on("message", (message) => thread.onMessage?.(message));
  worker.on("error", (error) => thread.onError?.(error as Error));
  return thread;
}
