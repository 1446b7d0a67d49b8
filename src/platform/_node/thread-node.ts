import type { Thread } from "../types.ts";

/** Starts the storage writer as a Node worker. An error that nobody catches in it reaches `onError`. */
export function startNodeStorageThread(): Thread {
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const worker = new Worker(new URL("../../storage/writer-thread.ts", import.meta.url));
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
