import type { SpanData } from "../span.ts";

/** What every exported span belongs to. Keys are in the order in which they are sent. */
export type Resource = ReadonlyMap<string, string>;

/** Sends spans to one place. */
export interface SpanExporter {
  /** Sends all or rejects: with an ExportError when the place has answered, else with what the transport says. */
  send(spans: readonly SpanData[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A place refuses spans. */
export class ExportError extends Error {
  /** It may take them later. */
  readonly isTemporary: boolean;
  /** How long it asks to wait, in milliseconds. */
  readonly waitMs: number | undefined;
  constructor(message: string, options: { readonly isTemporary: boolean; readonly waitMs?: number | undefined }) {
    super(message);
    this.name = "ExportError";
    this.isTemporary = options.isTemporary;
    this.waitMs = options.waitMs;
  }
}

/** The name of this library in what is exported. compat: upstream's, because queries look for it. */
export const scopeName = "dapr-diagnostics";
