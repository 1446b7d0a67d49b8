import type { Measure } from "../harness/measure.ts";
import { backlog } from "./backlog.ts";
import { binarySize } from "./binary-size.ts";
import { deliveryLatency } from "./delivery-latency.ts";
import { diskFloor } from "./disk-floor.ts";
import { durableWrites } from "./durable-writes.ts";
import { exactlyOnce } from "./exactly-once.ts";
import { generatorCeiling } from "./generator-ceiling.ts";
import { idleMemory } from "./idle-memory.ts";
import { manyAppsMemory } from "./many-apps-memory.ts";
import { publish } from "./publish.ts";
import { publishDeliver } from "./publish-deliver.ts";
import { readyTime } from "./ready-time.ts";
import { sameProcessInvoke } from "./same-process-invoke.ts";
import { stateGet } from "./state-get.ts";
import { streamIsolation } from "./stream-isolation.ts";
import { twoProcessGrpc } from "./two-process-grpc.ts";
import { twoProcessInvoke } from "./two-process-invoke.ts";
import { twoProcessStream } from "./two-process-stream.ts";

/** Every measure, in the order of the report. */
export const measures: readonly Measure[] = [
  generatorCeiling,
  binarySize,
  readyTime,
  idleMemory,
  manyAppsMemory,
  stateGet,
  durableWrites,
  exactlyOnce,
  diskFloor,
  publish,
  publishDeliver,
  deliveryLatency,
  backlog,
  sameProcessInvoke,
  twoProcessInvoke,
  twoProcessGrpc,
  twoProcessStream,
  streamIsolation,
];
