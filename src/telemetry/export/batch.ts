import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import type { SpanData, SpanSink } from "../span.ts";
import type { SpanExporter } from "./exporter.ts";
import { withRetries } from "./retry.ts";

/** Sizes count spans, times are milliseconds. */
export interface BatchLimits {
  /** A span waits at most so long before its batch is sent. */
  readonly delayMs: number;
  /** More spans than this do not wait; further ones are lost. */
  readonly queue: number;
  readonly batch: number;
  /** For one batch with all its repetitions. */
  readonly timeoutMs: number;
}

export interface BatchOptions {
  /** Asked for with the first batch; asked for again when it cannot be made. */
  readonly exporter: () => Promise<SpanExporter>;
  readonly limits: BatchLimits;
  /** Of a single attempt. */
  readonly attemptMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Called with a whole sentence about spans that are lost. */
  readonly onLoss: (message: string) => void;
}

/** Spans on their way to one place. */
export interface SpanBatches extends SpanSink {
  /** Sends what waits, once and without repetitions, in at most `withinMs`; spans that come later are lost. */
  close(withinMs: number): Promise<void>;
}

/** Collects spans and sends them in batches, one after the other. Nothing runs while no span waits. */
export function createSpanBatches(options: BatchOptions): SpanBatches {
  const { limits, clock, random, onLoss } = options;
  const hurry = new AbortController();
  let waiting: SpanData[] = [];
  let lost = 0;
  let stopTimer: (() => void) | undefined;
  let sending: Promise<void> | undefined;
  let exporter: SpanExporter | undefined;
  let isClosed = false;

  async function sendBatch(spans: readonly SpanData[]): Promise<void> {
    const whole = limit(clock, limits.timeoutMs);
    try {
      await withRetries(
        async () => {
          exporter ??= await options.exporter();
          const one = limit(clock, options.attemptMs, whole.signal);
          try {
            await exporter.send(spans, one.signal);
          } finally {
            one.stop();
          }
        },
        { clock, random, hurry: AbortSignal.any([hurry.signal, whole.signal]) },
      );
    } catch (error) {
      onLoss(`exporting ${spans.length} spans failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      whole.stop();
    }
  }

  async function drain(leave: number): Promise<void> {
    while (waiting.length > leave) {
      const batch = waiting.slice(0, limits.batch);
      waiting = waiting.slice(limits.batch);
      await sendBatch(batch);
      if (lost > 0) {
        onLoss(`${lost} spans were lost because more than ${limits.queue} waited to be exported`);
        lost = 0;
      }
    }
  }

  /** Sends until at most `leave` wait. */
  function send(leave: number): void {
    stopTimer?.();
    stopTimer = undefined;
    sending ??= drain(leave).finally(() => {
      sending = undefined;
      if (!isClosed && waiting.length > 0) schedule();
    });
  }

  function schedule(): void {
    if (waiting.length >= limits.batch) send(limits.batch - 1);
    else stopTimer ??= clock.after(limits.delayMs, () => send(0));
  }

  return {
    add(span) {
      if (isClosed) return;
      if (waiting.length >= limits.queue) {
        lost++;
        return;
      }
      waiting.push(span);
      if (sending === undefined) schedule();
    },
    async close(withinMs) {
      if (isClosed) return;
      isClosed = true;
      stopTimer?.();
      const late = Promise.withResolvers<void>();
      const stop = clock.after(withinMs, () => late.resolve());
      hurry.abort(new Error("the sidecar stops"));
      const all = (async () => {
        await sending;
        await drain(0);
        await exporter?.close();
      })();
      await Promise.race([all, late.promise]);
      stop();
    },
  };
}

/** A signal that aborts after `ms`, or with `outer`. */
function limit(clock: Clock, ms: number, outer?: AbortSignal): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const stop = clock.after(ms, () => controller.abort(new Error(`no answer after ${ms} ms`)));
  return { signal: outer === undefined ? controller.signal : AbortSignal.any([controller.signal, outer]), stop };
}
