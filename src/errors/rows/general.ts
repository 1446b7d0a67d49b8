import { row } from "../row.ts";

/** Errors that every building block shares. */
export const generalRows = {
  unknown: row<{ message: string }>()({
    category: "",
    http: 500,
    grpc: "Unknown",
    tag: "ERROR",
    text: (p) => p.message,
  }),
  badRequest: row<{ reason: string }>()({
    category: "common",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_BAD_REQUEST",
    text: (p) => `invalid request: ${p.reason}`,
  }),
  bodyRead: row<{ reason: string }>()({
    category: "common",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_BODY_READ",
    text: (p) => `failed to read request body: ${p.reason}`,
  }),
  malformedRequest: row<{ reason: string }>()({
    category: "common",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_MALFORMED_REQUEST",
    text: (p) => `failed deserializing HTTP body: ${p.reason}`,
  }),
  /** As malformedRequest, with nothing in front of the text. */
  malformedText: row<{ text: string }>()({
    category: "common",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_MALFORMED_REQUEST",
    text: (p) => p.text,
  }),
  /** No route fits and the request names no app to invoke: the answer to every unknown path or verb. */
  noRoute: row<Record<never, never>>()({
    category: "service-invocation",
    http: 404,
    grpc: "NotFound",
    tag: "ERR_DIRECT_INVOKE",
    text: () => "failed getting app id either from the URL path or the header dapr-app-id",
  }),
  /** An API that this host cannot serve. Upstream has no such host. */
  notOnHost: row<{ api: string; host: string }>()({
    category: "common",
    http: 501,
    grpc: "Unimplemented",
    tag: "ERR_NOT_ON_HOST",
    text: (p) => `${p.api} is not served on the ${p.host} runtime, which runs only while it answers: ask a sidecar`,
  }),
};
