import { ExportError } from "./exporter.ts";

/** Where an OTLP collector listens. */
export interface OtlpEndpoint {
  readonly host: string;
  /** undefined: that of the protocol. */
  readonly port: number | undefined;
  /** Without a slash at its end; empty when there is none. */
  readonly path: string;
}

const pattern = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(\[[^\]\s]+\]|[^:/?#\s]+)(?::(\d{1,5}))?(\/[^?#\s]*)?$/i;

/** Reads `host:port`, also with a path, and with a scheme, which does not count: whether it is secure is said elsewhere. Throws an ExportError that names the text. */
export function parseEndpoint(text: string): OtlpEndpoint {
  const match = pattern.exec(text.trim());
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (match === null || (port !== undefined && (port === 0 || port > 65_535))) {
    throw new ExportError(`the OTLP endpoint "${text}" is no address: write host:port`, { isTemporary: false });
  }
  return { host: match[1] as string, port, path: (match[3] ?? "").replace(/\/+$/, "") };
}
