import type { FileWriter } from "./file-writer.ts";
import type { StepResult, StorageDescription } from "./storage.ts";
import type { Transaction } from "./transaction.ts";
import { plainStep, resultsOf } from "./transaction.ts";
import type { Writer } from "./writer-link.ts";

interface Waiting {
  readonly transaction: Transaction;
  resolve(results: readonly StepResult[]): void;
  reject(error: unknown): void;
}

/** The writer on the caller's own thread, for databases in memory and hosts without threads: one commit per turn. */
export function createLineWriter(writer: FileWriter, committed: () => void): Writer {
  let waiting: Waiting[] = [];

  function flush(): void {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    writer.submit(
      batch.map(({ transaction }) => transaction),
      (outcomes) => {
        for (const [index, { resolve, reject }] of batch.entries()) {
          try {
            resolve(resultsOf(outcomes[index]!));
          } catch (error) {
            reject(error);
          }
        }
        if (outcomes.some((outcome) => outcome.kind === "done")) committed();
      },
    );
  }

  return {
    write: (steps) =>
      new Promise<readonly StepResult[]>((resolve, reject) => {
        if (waiting.push({ transaction: steps.map(plainStep), resolve, reject }) === 1) queueMicrotask(flush);
      }),
    describe: async (): Promise<StorageDescription> => writer.describe(),
    async close() {
      flush();
      await writer.close();
    },
  };
}
