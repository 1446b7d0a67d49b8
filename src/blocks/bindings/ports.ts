import type { Binding, BindingEvent } from "../../driver/bindings.ts";
import type { Trace } from "../../kit/call.ts";
import type { Clock } from "../../kit/clock.ts";

/** A loaded binding, as far as its direction allows. */
export interface OpenBinding {
  readonly name: string;
  /** Guarded driver instance. */
  readonly binding: Binding;
  readonly isInput: boolean;
  readonly isOutput: boolean;
  /** The component says itself that it is an input: the app is not asked whether it wants the events. */
  readonly isExplicitInput: boolean;
  /** Path of the app that gets the events. */
  readonly route: string;
}

/** Output bindings that get the app's answer to an event. */
export interface Forward {
  readonly to: readonly string[];
  readonly isParallel: boolean;
  readonly data: Uint8Array;
}
/** What the app said to an event. */
export interface EventAnswer {
  readonly body: Uint8Array;
  readonly forward?: Forward;
}

/** The app did not take an event. */
export class EventError extends Error {
  /** HTTP status or gRPC code of the app's answer; undefined when there was none. */
  readonly code: number | undefined;
  constructor(message: string, options: { code?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "EventError";
    this.code = options.code;
  }
}

/** Runs an operation under a policy of timeouts, retries and breakers. */
export type Policy = <T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) => Promise<T>;

/** An app that takes events of bindings. */
export interface BindingApp {
  /** Whether the app wants the events; rejects when that cannot be found out. */
  wants(binding: OpenBinding, signal: AbortSignal): Promise<boolean>;
  /** Rejects with an EventError when the app did not take it. */
  deliver(binding: OpenBinding, event: BindingEvent, policy: Policy, signal: AbortSignal): Promise<EventAnswer>;
}

export interface BindingLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Counts what passes; times in milliseconds. */
export interface BindingMeter {
  inputBinding(component: string, success: boolean, ms: number): void;
  outputBinding(component: string, operation: string, success: boolean, ms: number): void;
}

/** What the bindings block needs of its surroundings. */
export interface BindingPorts {
  readonly bindings: {
    find(name: string): OpenBinding | undefined;
    list(): readonly OpenBinding[];
  };
  /** The app; undefined without one. */
  app(): BindingApp | undefined;
  /** Around each delivery of a binding's events. */
  inbound(name: string): Policy;
  /** How long the app may think about whether it wants a binding's events, in milliseconds. */
  readonly probeTimeoutMs: number;
  readonly clock: Clock;
  readonly log: BindingLog;
  readonly meter: BindingMeter;
}

/** The trace of a step below `parent`. */
export type TraceBelow = (parent: Trace, name: string) => Trace;
