import { readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Sample } from "../harness/figure.ts";
import { defineMeasure } from "../harness/measure.ts";
import type { Subject } from "../harness/subject.ts";

const megabyte = 2 ** 20;

export const binarySize = defineMeasure({
  name: "binary-size",
  group: "footprint",
  title: "Size of the binary",
  setup: "the file itself and the same under gzip",
  run: async (bench) => {
    const sizes: Partial<Record<Subject["name"], [Sample[], Sample[]]>> = {};
    for (const { name, binary } of bench.subjects) {
      const packed = gzipSync(readFileSync(binary), { level: 6 }).length;
      sizes[name] = [[{ value: statSync(binary).size / megabyte }], [{ value: packed / megabyte }]];
    }
    return [
      { title: "file", unit: "MB", limits: [], pillion: sizes.pillion?.[0], daprd: sizes.daprd?.[0] },
      { title: "gzip", unit: "MB", limits: [], pillion: sizes.pillion?.[1], daprd: sizes.daprd?.[1] },
    ];
  },
});
