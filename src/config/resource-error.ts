import { type Finding, formatFinding } from "./finding.ts";

const marker = Symbol.for("pillion.ResourceError");

/** Resources that cannot be loaded at all. `message` is upstream's text; the findings name files, lines and the fix. */
export class ResourceError extends Error {
  readonly [marker] = true;
  /** What could not be loaded, in upstream's words: `components`, `mcpservers`, … */
  readonly subject: string;
  readonly findings: readonly Finding[];
  /** A folder could not be read: when it is back, so are its resources. */
  readonly isFolderMissing: boolean;
  constructor(
    subject: string,
    message: string,
    findings: readonly Finding[],
    options: { readonly cause?: unknown; readonly isFolderMissing?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "ResourceError";
    this.subject = subject;
    this.findings = findings;
    this.isFolderMissing = options.isFolderMissing ?? false;
  }

  /** What a start prints. compat: pkg/runtime/runtime.go; a reload says "failed to load resources from disk: " in its place. */
  get startSentence(): string {
    return `failed to load ${this.subject}: ${this.message}`;
  }

  /** The findings, one a line. */
  get report(): string {
    return this.findings.map(formatFinding).join("\n");
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is ResourceError {
    return typeof value === "object" && value !== null && marker in value;
  }
}
