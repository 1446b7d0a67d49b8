import type { EchoApp } from "./echo-app.ts";
import type { Figure, Sample } from "./figure.ts";
import type { Subject } from "./subject.ts";

/** What a measure works with. */
export interface Bench {
  readonly subjects: readonly Subject[];
  readonly echo: EchoApp;
  readonly rounds: number;
  /** Seconds of each counted run and of the warm-up before it. */
  readonly duration: number;
  readonly warmup: number;
  /** Seconds to stay idle before memory is read. */
  readonly settle: number;
  /** A new folder for files of one start. */
  folder(name: string): string;
  /** A line for whoever waits. */
  say(line: string): void;
}

/** One heading of the report: what is loaded and how, and the figures that come of it. */
export interface Measure {
  readonly name: string;
  /** Measures of a group run together when its name is given. */
  readonly group: "footprint" | "load";
  readonly title: string;
  readonly setup: string;
  run(bench: Bench): Promise<Figure[]>;
}

/** Declares a measure. */
export const defineMeasure = (measure: Measure): Measure => measure;

/** One turn of a participant: gives one sample for each of the measure's figures. */
export type Turn = () => Promise<readonly Sample[]>;

/** Lets the participants take turns, all of them in each round; gives per participant the samples per figure. */
export const takeTurns = async <Name extends string>(
  bench: Bench,
  turns: Readonly<Partial<Record<Name, Turn>>>,
): Promise<Partial<Record<Name, Sample[][]>>> => {
  const collected: Partial<Record<Name, Sample[][]>> = {};
  for (let round = 1; round <= bench.rounds; round++) {
    for (const name of Object.keys(turns) as Name[]) {
      const samples = await (turns[name] as Turn)();
      bench.say(`round ${round}, ${name}: ${samples.map((sample) => Number(sample.value.toPrecision(4))).join(", ")}`);
      const columns = (collected[name] ??= samples.map(() => []));
      samples.forEach((sample, figure) => columns[figure]?.push(sample));
    }
  }
  return collected;
};
