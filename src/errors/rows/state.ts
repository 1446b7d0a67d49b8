import type { ErrorDetail, ErrorRow, GrpcCodeName } from "../row.ts";
import { row } from "../row.ts";

const info = (reason: string, metadata: Readonly<Record<string, string>> | null = null): ErrorDetail => ({
  kind: "ErrorInfo",
  reason,
  metadata,
});
const resource = (store: string): ErrorDetail => ({
  kind: "ResourceInfo",
  resourceType: "state",
  resourceName: store,
  owner: "",
  description: "",
});
const appMetadata = (appId: string) => (appId === "" ? null : { appID: appId });
const illegalKey = (key: string): string => `input key/keyPrefix '${key}' can't contain '||'`;

/** A failure of the component: bare over HTTP, with an ErrorInfo over gRPC. */
function failure<P>(
  tag: string,
  text: (params: P) => string,
  http = 500,
  grpc: GrpcCodeName = "Internal",
): ErrorRow<P> {
  return { category: "state", http, grpc, tag, text, onGrpc: { details: () => [info(tag)] } };
}

type Save = { readonly store: string; readonly reason: string };
type Delete = { readonly key: string; readonly reason: string };
const saveText = (p: Save): string => `failed saving state in state store ${p.store}: ${p.reason}`;
const deleteText = (p: Delete): string => `failed deleting state with key ${p.key}: ${p.reason}`;
const bulkDeleteText = (p: Save): string => `failed deleting state in state store ${p.store}: ${p.reason}`;

/** Errors of the state API. */
export const stateRows = {
  /** `appId` is empty where upstream leaves it out (query route). */
  stateStoreNotConfigured: row<{ store: string; appId: string }>()({
    category: "state",
    http: 500,
    grpc: "FailedPrecondition",
    tag: "ERR_STATE_STORE_NOT_CONFIGURED",
    text: (p) => `state store ${p.store} is not configured`,
    details: (p) => [info("DAPR_STATE_NOT_CONFIGURED", appMetadata(p.appId))],
    // compat: pkg/api/universal/state_query.go names no app
    onGrpc: { details: () => [info("DAPR_STATE_NOT_CONFIGURED")] },
  }),
  stateStoreNotFound: row<{ store: string; appId: string }>()({
    category: "state",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_STATE_STORE_NOT_FOUND",
    text: (p) => `state store ${p.store} is not found`,
    details: (p) => [info("DAPR_STATE_NOT_FOUND", appMetadata(p.appId))],
    // compat: pkg/api/universal/state_query.go names no app
    onGrpc: { details: () => [info("DAPR_STATE_NOT_FOUND")] },
  }),
  /** `inTransaction`: upstream's HTTP transactions lose the field of the violation. */
  stateIllegalKey: row<{ store: string; key: string; inTransaction: boolean }>()({
    category: "state",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_MALFORMED_REQUEST",
    // compat: pkg/api/http/http.go wraps the standardized error's own text once more
    text: (p) => `api error: code = InvalidArgument desc = ${illegalKey(p.key)}`,
    details: (p) => [
      {
        kind: "BadRequest",
        violations: [
          {
            field: p.inTransaction ? "" : p.key,
            description: `api error: code = InvalidArgument desc = ${illegalKey(p.key)}`,
          },
        ],
      },
      resource(p.store),
      info("DAPR_STATE_ILLEGAL_KEY"),
    ],
    onGrpc: {
      text: (p) => illegalKey(p.key),
      details: (p) => [
        { kind: "BadRequest", violations: [{ field: p.key, description: illegalKey(p.key) }] },
        resource(p.store),
        info("DAPR_STATE_ILLEGAL_KEY"),
      ],
    },
  }),
  stateKeyRequired: row<Record<never, never>>()({
    category: "state",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_STATE_SAVE",
    text: () => "state key cannot be empty",
    // compat: pkg/api/http/http.go onPostState
    onHttp: { category: "common", tag: "ERR_MALFORMED_REQUEST", text: () => '"key" is a required field' },
    onGrpc: { details: () => [info("ERR_STATE_SAVE")] },
  }),
  stateGet: row<{ store: string; key: string; reason: string }>()(
    failure("ERR_STATE_GET", (p) => `fail to get ${p.key} from state store ${p.store}: ${p.reason}`),
  ),
  stateBulkGet: row<{ reason: string }>()({
    category: "state",
    http: 500,
    // compat: pkg/api/grpc/grpc.go GetBulkState answers the component's error as it is
    grpc: "Unknown",
    tag: "ERR_STATE_BULK_GET",
    text: (p) => p.reason,
  }),
  stateSave: row<Save>()(failure("ERR_STATE_SAVE", saveText)),
  stateSaveMismatch: row<Save>()(failure("ERR_STATE_SAVE", saveText, 409, "Aborted")),
  stateSaveInvalidEtag: row<Save>()(failure("ERR_STATE_SAVE", saveText, 400, "InvalidArgument")),
  stateDelete: row<Delete>()(failure("ERR_STATE_DELETE", deleteText)),
  stateDeleteMismatch: row<Delete>()(failure("ERR_STATE_DELETE", deleteText, 409, "Aborted")),
  stateDeleteInvalidEtag: row<Delete>()(failure("ERR_STATE_DELETE", deleteText, 400, "InvalidArgument")),
  stateBulkDelete: row<Save>()(failure("ERR_STATE_BULK_DELETE", bulkDeleteText)),
  stateBulkDeleteMismatch: row<Save>()(failure("ERR_STATE_BULK_DELETE", bulkDeleteText, 409, "Aborted")),
  stateBulkDeleteInvalidEtag: row<Save>()(failure("ERR_STATE_BULK_DELETE", bulkDeleteText, 400, "InvalidArgument")),
  /** Always 500 and Internal, for an ETag mismatch too. */
  stateTransaction: row<{ reason: string }>()(
    failure("ERR_STATE_TRANSACTION", (p) => `error while executing state transaction: ${p.reason}`),
  ),
  /** A transaction is to include something that its store cannot commit. `what` names it, for example `pubsub "events"`. */
  stateNotOneDatabase: row<{ store: string; what: string }>()({
    category: "state",
    http: 400,
    grpc: "FailedPrecondition",
    tag: "ERR_STATE_NOT_ONE_DATABASE",
    text: (p) =>
      `cannot commit ${p.what} together with state store ${p.store}: they are not in one embedded database; give a state.sqlite and a pubsub.embedded component the same file`,
    details: (p) => [resource(p.store), info("DAPR_STATE_NOT_ONE_DATABASE")],
  }),
  /** The delivery that a transaction names is not in the app's hands. */
  stateDeliveryGone: row<{ store: string; delivery: string; reason: string }>()({
    category: "state",
    http: 409,
    grpc: "Aborted",
    tag: "ERR_STATE_DELIVERY_GONE",
    text: (p) => `cannot commit the acknowledgement of delivery ${p.delivery}: ${p.reason}`,
    details: (p) => [resource(p.store), info("DAPR_STATE_DELIVERY_GONE", { delivery: p.delivery })],
  }),
  stateOperationNotSupported: row<{ operation: string }>()(
    failure(
      "ERR_NOT_SUPPORTED_STATE_OPERATION",
      (p) => `operation type ${p.operation} not supported`,
      400,
      "Unimplemented",
    ),
  ),
  stateTransactionsNotSupported: row<{ store: string }>()({
    category: "state",
    http: 500,
    grpc: "Unimplemented",
    tag: "ERR_STATE_STORE_NOT_SUPPORTED",
    text: (p) => `state store ${p.store} doesn't support transactions`,
    details: (p) => [
      {
        kind: "Help",
        links: [
          {
            url: "https://docs.dapr.io/reference/components-reference/supported-state-stores/",
            description: "Check the list of state stores and the features they support",
          },
        ],
      },
      resource(p.store),
      info("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED"),
    ],
  }),
  stateTooManyOperations: row<{ store: string; count: number; most: number }>()({
    category: "state",
    http: 400,
    grpc: "InvalidArgument",
    tag: "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS",
    text: (p) =>
      `the transaction contains ${p.count} operations, which is more than what the state store supports: ${p.most}`,
    details: (p) => [
      resource(p.store),
      info("DAPR_STATE_TOO_MANY_TRANSACTIONS", {
        currentOpsTransaction: String(p.count),
        maxOpsPerTransaction: String(p.most),
      }),
    ],
  }),
  stateQueryNotSupported: row<{ store: string }>()({
    category: "state",
    http: 500,
    grpc: "Internal",
    tag: "ERR_STATE_STORE_NOT_SUPPORTED",
    text: () => "state store does not support querying",
    details: (p) => [resource(p.store), info("DAPR_STATE_QUERYING_NOT_SUPPORTED")],
  }),
  stateQueryFailed: row<{ store: string; reason: string }>()({
    category: "state",
    http: 500,
    grpc: "Internal",
    tag: "ERR_STATE_QUERY",
    text: (p) => `state store ${p.store} query failed: ${p.reason}`,
    details: (p) => [resource(p.store), info("DAPR_STATE_QUERY_FAILED")],
  }),
};
