import { flag } from "./flags.ts";

/** The flag that all commands share which look at running apps. */
export const dataDirFlag = flag.text("", "Folder for data, logs and the list of running apps (default ~/.pillion)");

/** The flags of `pillion run`, with upstream's names, letters and defaults. compat: cli cmd/run.go */
export const runFlags = Object.freeze({
  "app-id": flag.text("", "Id of the app, by which others call it; two words are made up when it is absent", {
    short: "a",
  }),
  "app-port": flag.integer(-1, "Port on which the app listens", { short: "p" }),
  "app-protocol": flag.text("http", "How to talk to the app: http, https, h2c, grpc or grpcs", { short: "P" }),
  "app-channel-address": flag.text("127.0.0.1", "Host on which the app listens"),
  "app-max-concurrency": flag.integer(-1, "Most calls into the app at one time, -1 means no limit"),
  "app-ssl": flag.bool(false, "Talk to the app over TLS", { deprecated: "use --app-protocol with https or grpcs" }),
  "run-file": flag.text("", "Run the apps of a template: a file, a folder with a dapr.yaml, or - for stdin", {
    short: "f",
  }),
  "process-per-app": flag.bool(false, "Serve each app of a template from a process of its own"),
  "only-app": flag.text("", "The one app of the template to run", { hidden: true }),
  "dapr-http-port": flag.integer(-1, "Port of the HTTP API, -1 picks a free one", { short: "H" }),
  "dapr-grpc-port": flag.integer(-1, "Port of the gRPC API, -1 picks a free one", { short: "G" }),
  "dapr-internal-grpc-port": flag.integer(-1, "Port for calls from other sidecars, -1 picks a free one", {
    short: "I",
  }),
  "metrics-port": flag.integer(-1, "Port of the metrics server, -1 picks a free one", { short: "M" }),
  "dapr-listen-addresses": flag.text("127.0.0.1", "Addresses of the HTTP and gRPC API between commas"),
  "unix-domain-socket": flag.text("", "Folder for unix sockets that replace the API's ports", { short: "u" }),
  "resources-path": flag.list("Folder with resource files, may be given several times"),
  "components-path": flag.text("", "Alias of resources-path", { short: "d", deprecated: "use --resources-path" }),
  config: flag.text("", "Configuration file", { short: "c" }),
  local: flag.bool(false, "Run components that name a Redis on this machine on the embedded engine instead"),
  "data-dir": dataDirFlag,
  "placement-host-address": flag.text("", "Addresses of the placement service between commas", { hidden: true }),
  "scheduler-host-address": flag.text("", "Addresses of the scheduler service between commas", { hidden: true }),
  "enable-profiling": flag.bool(false, "Serve profiles", { hidden: true }),
  "profile-port": flag.integer(-1, "Port of the profile server", { hidden: true }),
  "log-level": flag.text("info", "Least level that is logged: debug, info, warn, error or fatal"),
  "log-as-json": flag.bool(false, "Log in JSON"),
  "max-body-size": flag.text("4Mi", "Largest request body of the HTTP and gRPC API"),
  "read-buffer-size": flag.text("4Ki", "Largest header block of an HTTP request"),
  "enable-app-health-check": flag.bool(false, "Probe the health of the app"),
  "app-health-check-path": flag.text("", "Path of the probe, for HTTP apps (default /healthz)"),
  "app-health-probe-interval": flag.integer(0, "Seconds between probes, 0 means 5"),
  "app-health-probe-timeout": flag.integer(0, "Milliseconds that a probe may take, 0 means 500"),
  "app-health-threshold": flag.integer(0, "Failed probes in a row that make the app unhealthy, 0 means 3"),
  "enable-api-logging": flag.bool(false, "Log every API call"),
  "dapr-graceful-shutdown-seconds": flag.integer(5, "Seconds that the app, and then the runtime, get to end"),
});

/** The flags that also count with a template; the others have to stand in it. */
export const templateFlags: ReadonlySet<string> = new Set([
  "run-file",
  "process-per-app",
  "only-app",
  "data-dir",
  "local",
  "log-as-json",
  "dapr-graceful-shutdown-seconds",
]);
