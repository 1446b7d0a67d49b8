import type { Options } from "./options.ts";

export type LogDestination = "console" | "file" | "fileAndConsole";

/** One app of a run: its sidecar, its command, and where their lines go. */
export interface AppRun {
  readonly options: Options;
  /** Empty: the sidecar runs alone. */
  readonly command: readonly string[];
  /** Working folder of the app, to which relative paths in components refer too. Absolute. */
  readonly directory: string;
  /** Variables for the app beside its parent's. */
  readonly env: Readonly<Record<string, string>>;
  readonly appLog: LogDestination;
  readonly runtimeLog: LogDestination;
  /** Folder of its log files. Absolute. */
  readonly logFolder: string;
  /** False: nothing said where components are, so there are default ones. */
  readonly hasResources: boolean;
  /** Where a template declares it, `file:line`; empty outside of templates. */
  readonly place: string;
}

/** The template that apps come from. */
export interface RunTemplate {
  /** Absolute; `-` for stdin. */
  readonly path: string;
  readonly name: string;
}

/** What a `run` command asks for. */
export interface RunPlan {
  readonly apps: readonly AppRun[];
  readonly template: RunTemplate | undefined;
  readonly dataDir: string;
  /** Components that name a server on this machine run on the embedded engine. */
  readonly local: boolean;
  readonly processPerApp: boolean;
  /** This process serves one app of a template that others serve the rest of. */
  readonly isPart: boolean;
  readonly logAsJson: boolean;
  readonly graceMs: number;
  /** Lines for the user before anything starts. */
  readonly warnings: readonly string[];
}
