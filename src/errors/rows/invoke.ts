import { row } from "../row.ts";

const text = (p: { readonly id: string; readonly reason: string }): string =>
  `failed to invoke, id: ${p.id}, err: ${p.reason}`;

/** Errors of the invoke API. */
export const invokeRows = {
  directInvoke: row<{ id: string; reason: string }>()({
    category: "service-invocation",
    http: 500,
    grpc: "Internal",
    tag: "ERR_DIRECT_INVOKE",
    text,
  }),
  /** The callee's access policy refused: another status over HTTP, the same body. */
  directInvokeDenied: row<{ id: string; reason: string }>()({
    category: "service-invocation",
    http: 403,
    grpc: "Internal",
    tag: "ERR_DIRECT_INVOKE",
    text,
  }),
  /** This way to the app carries no WebSockets. */
  directInvokeUpgrade: row<{ id: string; reason: string }>()({
    category: "service-invocation",
    http: 501,
    grpc: "Unimplemented",
    tag: "ERR_DIRECT_INVOKE",
    text,
  }),
};
