import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedGrpc } from "../../../test/harness/grpc-exchange.ts";
import { sendHttp } from "../../../test/harness/http-exchange.ts";
import { mapStateStore } from "../../../test/harness/map-state-store.ts";
import { DriverError } from "../../driver/errors.ts";
import { grpcCode } from "../../errors/row.ts";
import { stateGrpc } from "./grpc.ts";
import { stateHttp } from "./http.ts";
import { openStateStore } from "./open-store.ts";
import type { OpenStateStore } from "./ports.ts";
import { createState } from "./state.ts";

const random = { bytes: (length: number) => new Uint8Array(length), uuid: () => "", fraction: () => 0 };
const app = { appId: "app1", namespace: "", random };
const key = { name: "secretkey", hex: "00112233445566778899aabbccddeeff" };
const store = mapStateStore();
const limited = Object.assign(mapStateStore(), { maxTransactionOperations: 1 });
const opened = new Map<string, OpenStateStore>();
for (const settings of [
  { name: "mystore", store },
  { name: "plain", store: mapStateStore(["transact", "query"]) },
  { name: "limited", store: limited },
  { name: "sealed", store: mapStateStore(), encryption: { primary: key } },
])
  opened.set(settings.name, await openStateStore(settings, app));

const blockOf = (stores: Map<string, OpenStateStore>) =>
  createState({ appId: "app1", stores: { find: (name) => stores.get(name), any: () => stores.size > 0 } });
const routes = stateHttp(blockOf(opened));
const part = stateGrpc(blockOf(opened));
const noRoutes = stateHttp(blockOf(new Map()));
const noPart = stateGrpc(blockOf(new Map()));

const resource = (name: string) => ({
  "@type": "type.googleapis.com/google.rpc.ResourceInfo",
  resource_type: "state",
  resource_name: name,
  owner: "",
  description: "",
});
const info = (reason: string, metadata: Record<string, string> | null = null) => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  domain: "dapr.io",
  reason,
  metadata,
});
const grpcInfo = (reason: string, metadata = {}) => ({ kind: "ErrorInfo", reason, domain: "dapr.io", metadata });
const grpcResource = (name: string) => ({
  kind: "ResourceInfo",
  resourceType: "state",
  resourceName: name,
  owner: "",
  description: "",
});

interface HttpCase {
  readonly name: string;
  readonly send: readonly [method: string, target: string, body?: string];
  readonly fault?: Error;
  readonly noStores?: boolean;
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details?: readonly unknown[];
}

const mismatch = new DriverError("etagMismatch", "possible etag mismatch. error from state store");
const invalid = new DriverError("etagInvalid", "invalid etag value: no number");
const broken = new DriverError("failed", "disk on fire");
const illegal = "input key/keyPrefix 'a||b' can't contain '||'";
const illegalHttp = `api error: code = InvalidArgument desc = ${illegal}`;
const illegalDetails = (field?: string) => [
  {
    "@type": "type.googleapis.com/google.rpc.BadRequest",
    field_violations: [field === undefined ? { description: illegalHttp } : { field, description: illegalHttp }],
  },
  resource("mystore"),
  info("DAPR_STATE_ILLEGAL_KEY"),
];
const upsert = (request: unknown) => JSON.stringify({ operations: [{ operation: "upsert", request }] });

const httpCases: readonly HttpCase[] = [
  {
    name: "no store loaded",
    send: ["POST", "/v1.0/state/x", "{broken"],
    noStores: true,
    status: 500,
    code: "ERR_STATE_STORE_NOT_CONFIGURED",
    message: "state store x is not configured",
    details: [info("DAPR_STATE_NOT_CONFIGURED", { appID: "app1" })],
  },
  {
    name: "unknown store, before the body is looked at",
    send: ["POST", "/v1.0/state/nope", "{broken"],
    status: 400,
    code: "ERR_STATE_STORE_NOT_FOUND",
    message: "state store nope is not found",
    details: [info("DAPR_STATE_NOT_FOUND", { appID: "app1" })],
  },
  {
    name: "unknown store on the query route names no app",
    send: ["POST", "/v1.0-alpha1/state/nope/query", "{}"],
    status: 400,
    code: "ERR_STATE_STORE_NOT_FOUND",
    message: "state store nope is not found",
    details: [info("DAPR_STATE_NOT_FOUND")],
  },
  ...(["GET", "DELETE"] as const).map((method) => ({
    name: `illegal key, ${method}`,
    send: [method, "/v1.0/state/mystore/a%7C%7Cb"] as const,
    status: 400,
    code: "ERR_MALFORMED_REQUEST",
    message: illegalHttp,
    details: illegalDetails("a||b"),
  })),
  {
    name: "illegal key, save",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"ok"},{"key":"a||b"}]'],
    status: 400,
    code: "ERR_MALFORMED_REQUEST",
    message: illegalHttp,
    details: illegalDetails("a||b"),
  },
  {
    name: "illegal key, bulk get",
    send: ["POST", "/v1.0/state/mystore/bulk", '{"keys":["a||b"]}'],
    status: 400,
    code: "ERR_MALFORMED_REQUEST",
    message: illegalHttp,
    details: illegalDetails("a||b"),
  },
  {
    name: "illegal key, transaction: the violation has no field",
    send: ["POST", "/v1.0/state/mystore/transaction", upsert({ key: "a||b" })],
    status: 400,
    code: "ERR_MALFORMED_REQUEST",
    message: illegalHttp,
    details: illegalDetails(),
  },
  {
    name: "save without a key",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"a"},{"value":1}]'],
    status: 400,
    code: "ERR_MALFORMED_REQUEST",
    message: '"key" is a required field',
  },
  {
    name: "a number beyond a double",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"a","value":{"b":[1e400]}}]'],
    status: 400,
    code: "ERR_MALFORMED_REQUEST",
    message: "json: cannot unmarshal number into Go struct field SetRequest.value of type float64",
  },
  {
    name: "get fails",
    send: ["GET", "/v1.0/state/mystore/a"],
    fault: broken,
    status: 500,
    code: "ERR_STATE_GET",
    message: "fail to get a from state store mystore: disk on fire",
  },
  {
    name: "save fails",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"a"}]'],
    fault: broken,
    status: 500,
    code: "ERR_STATE_SAVE",
    message: "failed saving state in state store mystore: disk on fire",
  },
  {
    name: "save with the wrong etag",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"a"}]'],
    fault: mismatch,
    status: 409,
    code: "ERR_STATE_SAVE",
    message: "failed saving state in state store mystore: possible etag mismatch. error from state store",
  },
  {
    name: "save with an invalid etag",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"a"}]'],
    fault: invalid,
    status: 400,
    code: "ERR_STATE_SAVE",
    message: "failed saving state in state store mystore: invalid etag value: no number",
  },
  {
    name: "two etag faults of one save",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"a","etag":"9"},{"key":"b","etag":"8"},{"key":"c"}]'],
    status: 409,
    code: "ERR_STATE_SAVE",
    message:
      "failed saving state in state store mystore: possible etag mismatch. error from state store: " +
      "possible etag mismatch. error from state store: wrong etag for app1||a\n" +
      "possible etag mismatch. error from state store: wrong etag for app1||b",
  },
  {
    name: "an invalid etag among wrong ones",
    send: ["POST", "/v1.0/state/mystore", '[{"key":"a","etag":"bad"},{"key":"b","etag":"8"}]'],
    status: 400,
    code: "ERR_STATE_SAVE",
    message:
      "failed saving state in state store mystore: invalid etag value: invalid etag value\n" +
      "possible etag mismatch. error from state store: wrong etag for app1||b",
  },
  ...["concurrency", "consistency"].map((option) => ({
    name: `save with an unknown ${option}`,
    send: ["POST", "/v1.0/state/mystore", `[{"key":"a","options":{"${option}":"First-Write"}}]`] as const,
    status: 500,
    code: "ERR_STATE_SAVE",
    message: `failed saving state in state store mystore: unrecognized ${option} model 'First-Write'`,
  })),
  ...["concurrency", "consistency"].map((option) => ({
    name: `delete with an unknown ${option}`,
    send: ["DELETE", `/v1.0/state/mystore/a?${option}=x`] as const,
    status: 500,
    code: "ERR_STATE_DELETE",
    message: `failed deleting state with key a: unrecognized ${option} model 'x'`,
  })),
  {
    name: "delete fails",
    send: ["DELETE", "/v1.0/state/mystore/a"],
    fault: broken,
    status: 500,
    code: "ERR_STATE_DELETE",
    message: "failed deleting state with key a: disk on fire",
  },
  {
    name: "delete with the wrong etag",
    send: ["DELETE", "/v1.0/state/mystore/a"],
    fault: mismatch,
    status: 409,
    code: "ERR_STATE_DELETE",
    message: "failed deleting state with key a: possible etag mismatch. error from state store",
  },
  {
    name: "delete with an invalid etag",
    send: ["DELETE", "/v1.0/state/mystore/a"],
    fault: invalid,
    status: 400,
    code: "ERR_STATE_DELETE",
    message: "failed deleting state with key a: invalid etag value: no number",
  },
  {
    name: "bulk get fails",
    send: ["POST", "/v1.0/state/mystore/bulk", '{"keys":["a"]}'],
    fault: broken,
    status: 500,
    code: "ERR_STATE_BULK_GET",
    message: "disk on fire",
  },
  {
    name: "store without transactions, before the body is looked at",
    send: ["POST", "/v1.0/state/plain/transaction", "{broken"],
    status: 500,
    code: "ERR_STATE_STORE_NOT_SUPPORTED",
    message: "state store plain doesn't support transactions",
    details: [
      {
        "@type": "type.googleapis.com/google.rpc.Help",
        links: [
          {
            url: "https://docs.dapr.io/reference/components-reference/supported-state-stores/",
            description: "Check the list of state stores and the features they support",
          },
        ],
      },
      resource("plain"),
      info("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED"),
    ],
  },
  {
    name: "too many operations",
    send: [
      "POST",
      "/v1.0/state/limited/transaction",
      '{"operations":[{"operation":"delete","request":{"key":"a"}},{"operation":"delete","request":{"key":"b"}}]}',
    ],
    status: 400,
    code: "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS",
    message: "the transaction contains 2 operations, which is more than what the state store supports: 1",
    details: [
      resource("limited"),
      info("DAPR_STATE_TOO_MANY_TRANSACTIONS", { currentOpsTransaction: "2", maxOpsPerTransaction: "1" }),
    ],
  },
  {
    name: "unknown operation",
    send: ["POST", "/v1.0/state/mystore/transaction", '{"operations":[{"operation":"Upsert","request":{"key":"a"}}]}'],
    status: 400,
    code: "ERR_NOT_SUPPORTED_STATE_OPERATION",
    message: "operation type Upsert not supported",
  },
  {
    name: "transaction with a wrong etag is 500",
    send: ["POST", "/v1.0/state/mystore/transaction", upsert({ key: "a", etag: "7" })],
    status: 500,
    code: "ERR_STATE_TRANSACTION",
    message:
      "error while executing state transaction: possible etag mismatch. error from state store: wrong etag for app1||a",
  },
  {
    name: "transaction with unknown options",
    send: ["POST", "/v1.0/state/mystore/transaction", upsert({ key: "a", options: { concurrency: "x" } })],
    status: 500,
    code: "ERR_STATE_TRANSACTION",
    message: "error while executing state transaction: unrecognized concurrency model 'x'",
  },
  {
    name: "store without query, whatever the body",
    send: ["POST", "/v1.0-alpha1/state/plain/query", "{broken"],
    status: 500,
    code: "ERR_STATE_STORE_NOT_SUPPORTED",
    message: "state store does not support querying",
    details: [resource("plain"), info("DAPR_STATE_QUERYING_NOT_SUPPORTED")],
  },
  {
    name: "query of an encrypted store",
    send: ["POST", "/v1.0-alpha1/state/sealed/query", "{}"],
    status: 500,
    code: "ERR_STATE_QUERY",
    message: "state store sealed query failed: cannot query encrypted store",
    details: [resource("sealed"), info("DAPR_STATE_QUERY_FAILED")],
  },
  {
    name: "query that is no JSON",
    send: ["POST", "/v1.0-alpha1/state/mystore/query", ""],
    status: 500,
    code: "ERR_STATE_QUERY",
    message: "state store mystore query failed: failed to parse JSON query body: unexpected end of JSON input",
    details: [resource("mystore"), info("DAPR_STATE_QUERY_FAILED")],
  },
  {
    name: "query fails",
    send: ["PUT", "/v1.0-alpha1/state/mystore/query", "{}"],
    fault: broken,
    status: 500,
    code: "ERR_STATE_QUERY",
    message: "state store mystore query failed: disk on fire",
    details: [resource("mystore"), info("DAPR_STATE_QUERY_FAILED")],
  },
];

test("every refusal over HTTP", async (t) => {
  for (const row of httpCases)
    await t.test(row.name, async () => {
      store.fault = row.fault;
      const [method, target, body] = row.send;
      const answer = await sendHttp(row.noStores ? noRoutes : routes, method, target, { body });
      store.fault = undefined;
      const expected: Record<string, unknown> = { errorCode: row.code, message: row.message };
      if (row.details !== undefined) expected["details"] = row.details;
      assert.deepEqual(answer.json(), expected);
      assert.equal(answer.status, row.status);
      assert.equal(answer.headers.get("content-type"), "application/json");
    });
});

test("a body that cannot be read, by route", async () => {
  const bodyError = new Error("stream too large");
  const cases = [
    ["/v1.0/state/mystore", 400, "ERR_MALFORMED_REQUEST", "stream too large"],
    ["/v1.0/state/mystore/bulk", 400, "ERR_MALFORMED_REQUEST", "failed deserializing HTTP body: stream too large"],
    [
      "/v1.0/state/mystore/transaction",
      400,
      "ERR_MALFORMED_REQUEST",
      "failed deserializing HTTP body: stream too large",
    ],
    ["/v1.0-alpha1/state/mystore/query", 400, "ERR_BODY_READ", "failed to read request body: stream too large"],
  ] as const;
  for (const [target, status, errorCode, message] of cases) {
    const answer = await sendHttp(routes, "POST", target, { bodyError });
    assert.deepEqual([answer.status, answer.json()], [status, { errorCode, message }], target);
  }
});

interface GrpcCase {
  readonly name: string;
  readonly send: readonly [method: string, request: object];
  readonly fault?: Error;
  readonly noStores?: boolean;
  readonly code: keyof typeof grpcCode;
  readonly message: string;
  readonly details?: readonly unknown[];
}

const badRequest = { kind: "BadRequest", fieldViolations: [{ field: "a||b", description: illegal, reason: "" }] };
const grpcIllegal = [badRequest, grpcResource("mystore"), grpcInfo("DAPR_STATE_ILLEGAL_KEY")];
const storeName = "mystore";
const one = { storeName, states: [{ key: "a" }] };
const upsertOf = (request: object) => ({ storeName, operations: [{ operationType: "upsert", request }] });

const grpcCases: readonly GrpcCase[] = [
  {
    name: "no store loaded",
    send: ["getState", { storeName: "x", key: "a" }],
    noStores: true,
    code: "FailedPrecondition",
    message: "state store x is not configured",
    details: [grpcInfo("DAPR_STATE_NOT_CONFIGURED")],
  },
  ...["getState", "getBulkState", "saveState", "deleteState", "deleteBulkState", "executeStateTransaction"].map(
    (method) => ({
      name: `unknown store, ${method}`,
      send: [method, { storeName: "nope" }] as const,
      code: "InvalidArgument" as const,
      message: "state store nope is not found",
      details: [grpcInfo("DAPR_STATE_NOT_FOUND")],
    }),
  ),
  ...(
    [
      ["getState", { storeName, key: "a||b" }],
      ["getBulkState", { storeName, keys: ["a||b"] }],
      ["saveState", { storeName, states: [{ key: "a||b" }] }],
      ["deleteState", { storeName, key: "a||b" }],
      ["deleteBulkState", { storeName, states: [{ key: "a||b" }] }],
      ["executeStateTransaction", upsertOf({ key: "a||b" })],
    ] as const
  ).map((send) => ({
    name: `illegal key, ${send[0]}`,
    send,
    code: "InvalidArgument" as const,
    message: illegal,
    details: grpcIllegal,
  })),
  {
    name: "save without a key",
    send: ["saveState", { storeName, states: [{ value: new Uint8Array([1]) }] }],
    code: "InvalidArgument",
    message: "state key cannot be empty",
    details: [grpcInfo("ERR_STATE_SAVE")],
  },
  {
    name: "JSON content that is none",
    send: [
      "saveState",
      {
        storeName,
        states: [{ key: "a", value: new Uint8Array([0x7b]), metadata: { contentType: "application/json" } }],
      },
    ],
    code: "Unknown",
    message: "unexpected end of JSON input",
  },
  {
    name: "get fails",
    send: ["getState", { storeName, key: "a" }],
    fault: broken,
    code: "Internal",
    message: "fail to get a from state store mystore: disk on fire",
    details: [grpcInfo("ERR_STATE_GET")],
  },
  {
    name: "bulk get fails",
    send: ["getBulkState", { storeName, keys: ["a"] }],
    fault: broken,
    code: "Unknown",
    message: "disk on fire",
  },
  ...(
    [
      [broken, "Internal", "disk on fire"],
      [mismatch, "Aborted", "possible etag mismatch. error from state store"],
      [invalid, "InvalidArgument", "invalid etag value: no number"],
    ] as const
  ).flatMap(([fault, code, text]): GrpcCase[] => [
    {
      name: `save: ${code}`,
      send: ["saveState", one],
      fault,
      code,
      message: `failed saving state in state store mystore: ${text}`,
      details: [grpcInfo("ERR_STATE_SAVE")],
    },
    {
      name: `delete: ${code}`,
      send: ["deleteState", { storeName, key: "a" }],
      fault,
      code,
      message: `failed deleting state with key a: ${text}`,
      details: [grpcInfo("ERR_STATE_DELETE")],
    },
    {
      name: `bulk delete: ${code}`,
      send: ["deleteBulkState", one],
      fault,
      code,
      message: `failed deleting state in state store mystore: ${text}`,
      details: [grpcInfo("ERR_STATE_BULK_DELETE")],
    },
    {
      name: `transaction is always internal, also where a save is ${code}`,
      send: ["executeStateTransaction", upsertOf({ key: "a" })],
      fault,
      code: "Internal",
      message: `error while executing state transaction: ${text}`,
      details: [grpcInfo("ERR_STATE_TRANSACTION")],
    },
  ]),
  {
    name: "unknown operation",
    send: ["executeStateTransaction", { storeName, operations: [{ operationType: "x", request: { key: "a" } }] }],
    code: "Unimplemented",
    message: "operation type x not supported",
    details: [grpcInfo("ERR_NOT_SUPPORTED_STATE_OPERATION")],
  },
  {
    name: "store without transactions",
    send: ["executeStateTransaction", { storeName: "plain" }],
    code: "Unimplemented",
    message: "state store plain doesn't support transactions",
    details: [
      {
        kind: "Help",
        links: [
          {
            description: "Check the list of state stores and the features they support",
            url: "https://docs.dapr.io/reference/components-reference/supported-state-stores/",
          },
        ],
      },
      grpcResource("plain"),
      grpcInfo("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED"),
    ],
  },
  {
    name: "too many operations",
    send: [
      "executeStateTransaction",
      { storeName: "limited", operations: [{ operationType: "delete" }, { operationType: "delete" }] },
    ],
    code: "InvalidArgument",
    message: "the transaction contains 2 operations, which is more than what the state store supports: 1",
    details: [
      grpcResource("limited"),
      grpcInfo("DAPR_STATE_TOO_MANY_TRANSACTIONS", { currentOpsTransaction: "2", maxOpsPerTransaction: "1" }),
    ],
  },
  {
    name: "store without query",
    send: ["queryStateAlpha1", { storeName: "plain", query: "{}" }],
    code: "Internal",
    message: "state store does not support querying",
    details: [grpcResource("plain"), grpcInfo("DAPR_STATE_QUERYING_NOT_SUPPORTED")],
  },
  {
    name: "query that is no JSON",
    send: ["queryStateAlpha1", { storeName, query: "{}}" }],
    code: "Internal",
    message:
      "state store mystore query failed: failed to parse JSON query body: invalid character '}' after top-level value",
    details: [grpcResource("mystore"), grpcInfo("DAPR_STATE_QUERY_FAILED")],
  },
];

test("every refusal over gRPC", async (t) => {
  for (const row of grpcCases)
    await t.test(row.name, async () => {
      store.fault = row.fault;
      const refusal = await refusedGrpc(row.noStores ? noPart : part, ...row.send);
      store.fault = undefined;
      assert.deepEqual(refusal, { code: grpcCode[row.code], message: row.message, details: row.details ?? [] });
    });
});

test("nothing is written when one key of a save or a transaction is refused", async () => {
  store.rows.clear();
  await sendHttp(routes, "POST", "/v1.0/state/mystore", { body: '[{"key":"ok"},{"key":"a||b"}]' });
  await refusedGrpc(part, "saveState", { storeName, states: [{ key: "ok" }, {}] });
  await refusedGrpc(part, "executeStateTransaction", {
    storeName,
    operations: [{ operationType: "upsert", request: { key: "ok" } }, { operationType: "?" }],
  });
  assert.equal(store.rows.size, 0);
});

test("the good items of a bulk save stay when another fails", async () => {
  store.rows.clear();
  const body = '[{"key":"a","etag":"9"},{"key":"b","value":1},{"key":"c","options":{"consistency":"?"}}]';
  const answer = await sendHttp(routes, "POST", "/v1.0/state/mystore", { body });
  assert.equal(answer.status, 409);
  assert.deepEqual([...store.rows.keys()], ["app1||b"]);
});
