import type { TcpConnect, TcpError } from "../../platform/types.ts";

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  ECONNABORTED: "software caused connection abort",
  EPIPE: "broken pipe",
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  EADDRNOTAVAIL: "cannot assign requested address",
  ETIMEDOUT: "connection timed out",
  EMFILE: "too many open files",
};

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A failed dial in Go's words, for example `dial tcp 127.0.0.1:1: connect: connection refused`. */
export function dialErrorText(connect: TcpConnect, error: TcpError): string {
  const { code } = error;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `dial tcp: lookup ${connect.host}: no such host`;
  const place =
    connect.path === undefined ? `dial tcp ${hostPort(connect.host, connect.port)}` : `dial unix ${connect.path}`;
  if (code === "TIMEOUT") return `${place}: i/o timeout`;
  const word = words[code];
  if (word === undefined) return connect.tls === undefined ? `${place}: ${error.message}` : `tls: ${error.message}`;
  return code === "EMFILE" ? `${place}: socket: ${word}` : `${place}: connect: ${word}`;
}

/** A connection lost while waiting for the answer. */
export function lostErrorText(connect: TcpConnect, error: TcpError | undefined): string {
  if (error === undefined) return "EOF";
  const word = words[error.code];
  const place = connect.path === undefined ? `tcp ${hostPort(connect.host, connect.port)}` : `unix ${connect.path}`;
  return word === undefined ? error.message : `${error.code === "EPIPE" ? "write" : "read"} ${place}: ${word}`;
}
