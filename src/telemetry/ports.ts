export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal";
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Writes lines in upstream's text or JSON format. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Level "fatal"; the caller exits. */
  fatal(message: string, fields?: LogFields): void;
  /** The same sink with another scope, for example `dapr.runtime.http`. */
  scope(scope: string): Log;
  readonly level: LogLevel;
}

export type Labels = Readonly<Record<string, string>>;
export interface Counter {
  add(labels: Labels, value?: number): void;
}
export interface Gauge {
  set(labels: Labels, value: number): void;
}
export interface Histogram {
  observe(labels: Labels, value: number): void;
}
/** A registry of one sidecar. Names are given without a prefix and come out as upstream's. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** Prometheus text, labels sorted. `collect` callbacks run first. */
  expose(): string;
  onCollect(collect: () => void): void;
}
