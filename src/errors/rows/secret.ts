import { goQuote } from "../../kit/go-quote.ts";
import { row } from "../row.ts";

/** Errors of the secret API. */
export const secretRows = {
  secretStoreNotConfigured: row<Record<never, never>>()({
    category: "secret",
    http: 500,
    grpc: "FailedPrecondition",
    tag: "ERR_SECRET_STORES_NOT_CONFIGURED",
    text: () => "secret store is not configured",
  }),
  secretStoreNotFound: row<{ store: string }>()({
    category: "secret",
    // compat: pkg/messages/predefined.go answers 401
    http: 401,
    grpc: "InvalidArgument",
    tag: "ERR_SECRET_STORE_NOT_FOUND",
    text: (p) => `failed finding secret store with key ${p.store}`,
  }),
  secretDenied: row<{ store: string; key: string }>()({
    category: "secret",
    http: 403,
    grpc: "PermissionDenied",
    tag: "ERR_PERMISSION_DENIED",
    text: (p) => `access denied by policy to get ${goQuote(p.key)} from ${goQuote(p.store)}`,
  }),
  secretGet: row<{ store: string; key: string; reason: string }>()({
    category: "secret",
    http: 500,
    grpc: "Internal",
    tag: "ERR_SECRET_GET",
    text: (p) => `failed getting secret with key ${p.key} from secret store ${p.store}: ${p.reason}`,
  }),
  secretBulkGet: row<{ store: string; reason: string }>()({
    category: "secret",
    http: 500,
    grpc: "Internal",
    tag: "ERR_SECRET_GET",
    text: (p) => `failed getting secrets from secret store ${p.store}: ${p.reason}`,
  }),
};
