import { row } from "../row.ts";

/** Errors of the bindings API. */
export const bindingRows = {
  bindingInvoke: row<{ binding: string; reason: string }>()({
    category: "binding",
    http: 500,
    grpc: "Internal",
    tag: "ERR_INVOKE_OUTPUT_BINDING",
    text: (p) => `error invoking output binding ${p.binding}: ${p.reason}`,
    // compat: only this wire tells the reason as a detail (pkg/api/grpc/grpc.go)
    onGrpc: { details: () => [{ kind: "ErrorInfo", reason: "ERR_INVOKE_OUTPUT_BINDING", metadata: null }] },
  }),
};
