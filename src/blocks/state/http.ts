import { emptyAnswer } from "../../api/http/answer.ts";
import type { HttpHandler, HttpRequest, Route } from "../../api/http/route.ts";
import { type ApiError, fail } from "../../errors/error.ts";
import { decodeUtf8 } from "../../kit/bytes.ts";
import { deliveryHeader, takeDeliveryId } from "./delivery-id.ts";
import { bulkAnswer, itemAnswer, queryAnswer } from "./http-answer.ts";
import { readBulkGetBody, readSaveBody } from "./http-save.ts";
import { readTransactionBody } from "./http-transaction.ts";
import type { Metadata } from "./model.ts";
import type { State } from "./state.ts";

const noMetadata: Metadata = Object.freeze({});

function metadataOf(request: HttpRequest): Metadata {
  return request.query === "" ? noMetadata : request.metadata();
}

function queryText(request: HttpRequest, name: string): string {
  return request.query === "" ? "" : (request.queryValue(name) ?? "");
}

/** Reads and decodes a body; whatever is wrong with it becomes the error that `refuse` makes of the reason. */
async function readBody<T>(
  request: HttpRequest,
  decode: (body: Uint8Array) => T,
  refuse: (reason: string) => ApiError,
): Promise<T> {
  let failure: unknown;
  try {
    return decode(await request.body());
  } catch (error) {
    failure = error;
  }
  throw refuse(failure instanceof Error ? failure.message : String(failure));
}

const malformed = (reason: string): ApiError => fail("malformedRequest", { reason });

/** The routes of the state API. */
export function stateHttp(state: State): readonly Route[] {
  const get: HttpHandler = async (request) => {
    const store = state.store(request.param("storeName"));
    const key = request.param("key");
    const consistency = queryText(request, "consistency");
    return itemAnswer(await state.get(store, { key, consistency, metadata: metadataOf(request) }, request.call));
  };

  const save: HttpHandler = async (request) => {
    const store = state.store(request.param("storeName"));
    const metadata = metadataOf(request);
    const items = await readBody(
      request,
      (body) => readSaveBody(body, metadata),
      (text) => fail("malformedText", { text }),
    );
    await state.save(store, items, request.call);
    return emptyAnswer();
  };

  const remove: HttpHandler = async (request) => {
    const store = state.store(request.param("storeName"));
    const removal = {
      key: request.param("key"),
      etag: request.headers.get("if-match"),
      concurrency: queryText(request, "concurrency"),
      consistency: queryText(request, "consistency"),
      metadata: metadataOf(request),
    };
    await state.delete(store, removal, request.call);
    return emptyAnswer();
  };

  const bulkGet: HttpHandler = async (request) => {
    const store = state.store(request.param("storeName"));
    const metadata = metadataOf(request);
    const wanted = await readBody(request, (body) => readBulkGetBody(body, metadata), malformed);
    return bulkAnswer(await state.bulkGet(store, wanted, request.call));
  };

  const transact: HttpHandler = async (request) => {
    const store = state.store(request.param("storeName"));
    state.requireTransactions(store);
    const given = metadataOf(request);
    const transaction = await readBody(request, (body) => readTransactionBody(body, given), malformed);
    const { deliveryId, metadata } = takeDeliveryId(request.headers.get(deliveryHeader), transaction.metadata);
    if (!transaction.isEmpty || deliveryId !== undefined)
      await state.transact(store, { operations: transaction.operations, metadata, deliveryId }, request.call);
    return emptyAnswer();
  };

  const query: HttpHandler = async (request) => {
    const text = await readBody(request, decodeUtf8, (reason) => fail("bodyRead", { reason }));
    // compat: pkg/api/universal/state_query.go leaves the app's id out of this route's errors
    const store = state.store(request.param("storeName"), false);
    return queryAnswer(await state.query(store, { query: text, metadata: metadataOf(request) }, request.call));
  };

  const route = (methods: string, path: string, logName: string, handle: HttpHandler): Route => ({
    methods: methods.split(" "),
    version: "v1.0",
    path: `/state/:storeName${path}`,
    group: "state",
    logName,
    handle,
  });
  return [
    route("GET", "/:key", "GetState", get),
    route("POST PUT", "", "SaveState", save),
    route("DELETE", "/:key", "DeleteState", remove),
    route("POST PUT", "/bulk", "GetBulkState", bulkGet),
    route("POST PUT", "/transaction", "ExecuteStateTransaction", transact),
    { ...route("POST PUT", "/query", "QueryStateAlpha1", query), version: "v1.0-alpha1" },
  ];
}
