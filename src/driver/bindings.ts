import { DriverError } from "./errors.ts";

/** What an output binding is asked to do. */
export interface BindingRequest {
  /** One of the binding's `operations`. */
  readonly operation: string;
  readonly data: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
}
/** What an output binding answers. */
export interface BindingAnswer {
  readonly data: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
}
/** What an input binding brings. */
export interface BindingEvent {
  readonly data: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
}
/** Hands an event to the app. Resolves with the app's answer when it took the event; rejects when it did not. */
export type BindingHandler = (event: BindingEvent) => Promise<Uint8Array>;
export interface BindingReader {
  /** Brings no new event, waits for those in the handler, then gives up the source. */
  close(): Promise<void>;
}

/** A binding: out of the app with `invoke`, into it with `read`, or both. Methods throw DriverError only. */
export interface Binding {
  /** What `invoke` can do; empty for a binding that only reads. */
  readonly operations: readonly string[];
  /** Resolves with null where there is nothing to answer. May reject with a BindingError. */
  invoke?(request: BindingRequest, signal: AbortSignal): Promise<BindingAnswer | null>;
  /** Calls `handle` for each event until the answer is closed; several calls may run at once. */
  read?(handle: BindingHandler, signal: AbortSignal): Promise<BindingReader>;
  close(): Promise<void>;
}

/** A failure of which the caller gets the metadata of the answer as well. */
export class BindingError extends DriverError {
  readonly metadata: Readonly<Record<string, string>>;
  constructor(message: string, metadata: Readonly<Record<string, string>>) {
    super("failed", message);
    this.name = "BindingError";
    this.metadata = metadata;
  }
}

/** The metadata that goes with a failure; undefined for failures without. Knows also errors made by another copy of this module. */
export function metadataOfFailure(error: unknown): Readonly<Record<string, string>> | undefined {
  return DriverError.is(error) && "metadata" in error ? (error as BindingError).metadata : undefined;
}

/** The ways that the item `direction` of a component names, undefined when there is no such item. */
export function bindingDirections(properties: ReadonlyMap<string, string>): ReadonlySet<string> | undefined {
  const named = [...properties].filter(([name]) => name.toLowerCase() === "direction");
  if (named.length === 0) return undefined;
  return new Set(named.flatMap(([, value]) => value.split(",").map((word) => word.trim().toLowerCase())));
}
