import * as v from "valibot";

/** What a node's data folder knows of one running sidecar. Shown by `pillion list`, used to find apps of other processes. */
export interface AppRecord {
  readonly appId: string;
  readonly namespace: string;
  /** Process that serves the sidecar. */
  readonly pid: number;
  /** When that process started, from the system, so that a reused pid is not mistaken for it; empty where the system does not tell. */
  readonly pidStarted: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly internalPort: number;
  readonly metricsPort: number;
  /** Host and port on which commands of this machine reach the HTTP API. */
  readonly httpAddress: string;
  /** 0: no app. */
  readonly appPort: number;
  /** Host and port that peers on this machine use. */
  readonly internalAddress: string;
  /** 0: none was started by us. */
  readonly appPid: number;
  readonly command: string;
  /** Bytes. */
  readonly maxBodySize: number;
  readonly readBufferSize: number;
  /** Epoch milliseconds. */
  readonly created: number;
  /** Absolute path and name of a multi-app template; empty for a single app. */
  readonly runTemplatePath: string;
  readonly runTemplateName: string;
  readonly appLogPath: string;
  readonly runtimeLogPath: string;
}

const schema = v.object({
  appId: v.string(),
  namespace: v.string(),
  pid: v.number(),
  pidStarted: v.string(),
  httpPort: v.number(),
  grpcPort: v.number(),
  internalPort: v.number(),
  metricsPort: v.number(),
  httpAddress: v.string(),
  appPort: v.number(),
  internalAddress: v.string(),
  appPid: v.number(),
  command: v.string(),
  maxBodySize: v.number(),
  readBufferSize: v.number(),
  created: v.number(),
  runTemplatePath: v.string(),
  runTemplateName: v.string(),
  appLogPath: v.string(),
  runtimeLogPath: v.string(),
});

/** Reads a record's file; undefined when it is not one (half written, another version). */
export function parseAppRecord(text: string): AppRecord | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
