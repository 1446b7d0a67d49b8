import { countStolen } from "../proc/machine-load.ts";
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
  /** How often a turn is taken again when the machine's host took too much of it. */
  readonly patience: number;
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

/** A turn of which the host took more than this share for others tells of the host. */
const stolenLimit = 0.1;

/** The turn with the least taken by the host of as many as patience allows; the first that is within the limit is the last. */
const takeTurn = async (bench: Bench, turn: Turn): Promise<{ samples: readonly Sample[]; stolen: number }> => {
  let best: { samples: readonly Sample[]; stolen: number } | undefined;
  for (let again = 0; again <= bench.patience; again++) {
    const count = countStolen();
    const samples = await turn();
    const stolen = count();
    if (best === undefined || stolen < best.stolen) best = { samples, stolen };
    if (stolen <= stolenLimit) break;
  }
  return best as { samples: readonly Sample[]; stolen: number };
};

/** Lets the participants take turns, all of them in each round; gives per participant the samples per figure. */
export const takeTurns = async <Name extends string>(
  bench: Bench,
  turns: Readonly<Partial<Record<Name, Turn>>>,
): Promise<Partial<Record<Name, Sample[][]>>> => {
  const collected: Partial<Record<Name, Sample[][]>> = {};
  for (let round = 1; round <= bench.rounds; round++) {
    for (const name of Object.keys(turns) as Name[]) {
      const { samples, stolen } = await takeTurn(bench, turns[name] as Turn);
      const figures = samples.map((sample) => Number(sample.value.toPrecision(4))).join(", ");
      bench.say(`round ${round}, ${name}: ${figures} (the host took ${(stolen * 100).toFixed(0)} %)`);
      const columns = (collected[name] ??= samples.map(() => []));
      samples.forEach((sample, figure) => columns[figure]?.push(sample));
    }
  }
  return collected;
};
