/** Where a fault of the command line or the configuration was found; it decides the exit code and the sentence around it. */
export type ConfigStage = "usage" | "flags" | "options" | "configuration";

const marker = Symbol.for("pillion.ConfigError");

/** A start that cannot go on because of what the user gave. `message` says why; `sentence` is what a log line or stderr shows. */
export class ConfigError extends Error {
  readonly [marker] = true;
  readonly stage: ConfigStage;
  constructor(stage: ConfigStage, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "ConfigError";
    this.stage = stage;
  }

  /** compat: cmd/daprd ends with 2 when flags cannot be parsed (written to stderr), with 1 for all else (a fatal log line). */
  get exitCode(): 1 | 2 {
    return this.stage === "usage" ? 2 : 1;
  }

  /** The message within upstream's sentence for its stage. */
  get sentence(): string {
    if (this.stage === "usage") return this.message;
    if (this.stage === "flags") return `Failed to parse flags: ${this.message}`;
    if (this.stage === "options") return `Fatal error from runtime: ${this.message}`;
    return `Fatal error from runtime: error loading configuration: ${this.message}`;
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is ConfigError {
    return typeof value === "object" && value !== null && marker in value;
  }
}
