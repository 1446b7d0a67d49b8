import type { Metrics } from "./ports.ts";

/** Counts the errors that callers of the API got. */
export interface ErrorCodeMetrics {
  /** An error without a category is not counted. */
  record(code: string, category: string): void;
}

/** `error_code_total`; made only where Configuration `recordErrorCodes` asks for it. */
export function createErrorCodeMetrics(metrics: Metrics): ErrorCodeMetrics {
  const total = metrics.counter("error_code_total", "Errors answered to callers, by code and category.");
  return {
    record(code, category) {
      if (code !== "" && category !== "") total.add({ error_code: code, category });
    },
  };
}
