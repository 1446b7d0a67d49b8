import type { Clock } from "../kit/clock.ts";
import type { ProcessControl } from "../platform/types.ts";

/** Lines that tell the user how a command goes; scripts wait for some of them. Failures go to stderr. */
export interface Status {
  success(text: string): void;
  failure(text: string): void;
  warning(text: string): void;
  info(text: string): void;
}

const glyphs = { success: "✅  ", failure: "❌  ", warning: "⚠  ", info: "ℹ️  " } as const;

/** Status lines in upstream's form: with a glyph in front, or as JSON. compat: cli pkg/print/print.go */
export function createStatus(control: ProcessControl, clock: Clock, asJson: boolean): Status {
  const line = (status: keyof typeof glyphs, text: string): string => {
    if (!asJson) return `${control.platform === "windows" ? "" : glyphs[status]}${text}\n`;
    return `${JSON.stringify({ time: new Date(clock.now()).toISOString(), status, msg: text })}\n`;
  };
  return {
    success: (text) => control.stdout(line("success", text)),
    failure: (text) => control.stderr(line("failure", text)),
    warning: (text) => control.stdout(line("warning", text)),
    info: (text) => control.stdout(line("info", text)),
  };
}
