import type { LoadResult } from "../load/drive.ts";

/** What produced the value: the generator's own state during that run. */
export interface GeneratorState {
  /** Share of one core. */
  readonly cpu: number;
  /** µs between due time and send. */
  readonly lagP50: number;
  readonly lagP99: number;
  readonly answers: number;
  readonly errors: number;
  /** The failed answers by status. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly mode: "open" | "closed";
}

/** One round's value of a figure. */
export interface Sample {
  readonly value: number;
  readonly generator?: GeneratorState;
}

/** A bound on Pillion's value itself, on its ratio to the echo or on its ratio to daprd. */
export interface Limit {
  readonly of: "value" | "echo" | "daprd";
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One line of a measure: samples per subject, one per round, in the order of the rounds. */
export interface Figure {
  readonly title: string;
  readonly unit: "µs" | "ms" | "ms/s" | "/s" | "MB";
  readonly limits: readonly Limit[];
  readonly echo?: readonly Sample[];
  readonly pillion?: readonly Sample[];
  readonly daprd?: readonly Sample[];
}

/** Picks a value out of a load run and keeps the generator's state with it. */
export const sampleOf = (result: LoadResult, value: number): Sample => ({
  value,
  generator: {
    cpu: result.generator.cpu,
    lagP50: result.generator.lag.p50,
    lagP99: result.generator.lag.p99,
    answers: result.answers,
    errors: result.errors,
    outcomes: result.outcomes,
    mode: result.mode,
  },
});
