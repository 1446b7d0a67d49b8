import type { BindingAnswer, BindingRequest } from "../../driver/bindings.ts";
import { metadataOfFailure } from "../../driver/bindings.ts";
import { type ApiError, fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import { createInputs, type Inputs } from "./inputs.ts";
import type { BindingPorts, Forward } from "./ports.ts";

/** What became of a call: the answer, or the error with the metadata that goes with it. */
export type Outcome =
  | { readonly answer: BindingAnswer | null }
  | { readonly error: ApiError; readonly metadata: Readonly<Record<string, string>> };

/** The bindings API without its wires. */
export interface Bindings {
  /** Runs an operation of an output binding. Never rejects. */
  invoke(name: string, request: BindingRequest, call: Call): Promise<Outcome>;
  readonly inputs: Inputs;
}

/** The bindings block over the loaded bindings and the app. */
export function createBindings(ports: BindingPorts): Bindings {
  const { bindings, clock, log, meter } = ports;

  async function send(name: string, request: BindingRequest, signal: AbortSignal): Promise<BindingAnswer | null> {
    if (request.operation === "") throw new Error("operation field is missing from request");
    const found = bindings.find(name);
    if (found?.isOutput !== true || found.binding.invoke === undefined)
      throw new Error(`couldn't find output binding ${name}`);
    const { operations } = found.binding;
    if (operations.includes(request.operation)) return found.binding.invoke(request, signal);
    const supported = operations.join(" ");
    throw new Error(
      `binding ${name} does not support operation ${request.operation}. supported operations:${supported}`,
    );
  }

  /** Sends the app's answer on; a failure is logged, since nobody waits for it. */
  async function forward({ to, isParallel, data }: Forward, signal: AbortSignal): Promise<void> {
    const sendOne = (name: string) => send(name, { operation: "create", data, metadata: {} }, signal);
    const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
    if (isParallel) {
      await Promise.all(to.map((name) => sendOne(name).catch((error: unknown) => log.error(reason(error)))));
      return;
    }
    try {
      for (const name of to) await sendOne(name);
    } catch (error) {
      log.error(`error executing app response: ${reason(error)}`);
    }
  }

  return {
    async invoke(name, request, call) {
      const started = clock.monotonic();
      let isDone = false;
      try {
        const answer = await send(name, request, call.signal);
        isDone = true;
        return { answer };
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const error = fail("bindingInvoke", { binding: name, reason }, { cause });
        return { error, metadata: metadataOfFailure(cause) ?? {} };
      } finally {
        meter.outputBinding(name, request.operation, isDone, clock.monotonic() - started);
      }
    },
    inputs: createInputs(ports, forward),
  };
}
