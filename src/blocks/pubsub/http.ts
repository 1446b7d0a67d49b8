import { bytesAnswer, emptyAnswer, failedWith, type HttpAnswer } from "../../api/http/answer.ts";
import type { HttpHandler, HttpRequest, Route } from "../../api/http/route.ts";
import { type ApiError, fail } from "../../errors/error.ts";
import { errorTable } from "../../errors/table.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { encodeGoJson } from "../../kit/go-json.ts";
import { readBulkBody } from "./http-bulk.ts";
import type { FailedEntry, Metadata } from "./model.ts";
import type { Broker } from "./ports.ts";
import type { PubSub } from "./pubsub.ts";

const noMetadata: Metadata = Object.freeze({});

function metadataOf(request: HttpRequest): Metadata {
  return request.query === "" ? noMetadata : request.metadata();
}

const control = /\p{Cc}/gu;

/** A text as the value of a header: UTF-8 as bytes, control characters as spaces. */
function headerText(text: string): string {
  let value = "";
  for (const byte of encodeUtf8(text.replace(control, " "))) value += String.fromCharCode(byte);
  return value;
}

/** The answer to a bulk publish of which something failed. */
function failedAnswer(failed: readonly FailedEntry[], error: ApiError): HttpAnswer {
  const failedEntries = failed.map(({ entryId, error: reason }) => ({ entryId, error: reason || undefined }));
  const { http, grpc, tag } = error.row === "pubsubFull" ? errorTable.pubsubFull : errorTable.pubsubPublish;
  const body = encodeGoJson({ failedEntries, errorCode: tag });
  const response = bytesAnswer(encodeUtf8(body), http, {
    "metadata.responseData": headerText(body),
    "metadata.error": headerText(`api error: code = ${grpc} desc = ${error.message}`),
  });
  return failedWith(response, error);
}

/** The routes of the publish API. */
export function pubsubHttp(pubsub: PubSub): readonly Route[] {
  const { publisher, appId } = pubsub;
  const brokerOf = (request: HttpRequest, metadata: Metadata): Broker =>
    pubsub.broker(request.param("pubsubName"), metadata);

  const publish: HttpHandler = async (request) => {
    const metadata = metadataOf(request);
    const broker = brokerOf(request, metadata);
    const topic = request.param("topic");
    let data: Uint8Array;
    try {
      data = await request.body();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw fail("pubsubPublish", { pubsub: broker.name, topic, reason }, { cause });
    }
    const contentType = request.headers.get("content-type") ?? "";
    const isRaw = pubsub.isRaw(broker, metadata);
    await publisher.publish(broker, { topic, data, contentType, metadata, isRaw, wire: "http" }, request.call);
    return emptyAnswer();
  };

  const bulkPublish: HttpHandler = async (request) => {
    const metadata = metadataOf(request);
    const broker = brokerOf(request, metadata);
    const topic = request.param("topic");
    const isRaw = pubsub.isRaw(broker, metadata);
    const place = { pubsub: broker.name, topic, appId };
    let body: Uint8Array;
    try {
      body = await request.body();
    } catch (cause) {
      throw fail("pubsubEventsBody", { ...place, reason: cause instanceof Error ? cause.message : String(cause) });
    }
    const entries = readBulkBody(body, place);
    const { failed, error } = await publisher.bulkPublish(
      broker,
      { topic, entries, metadata, isRaw, wire: "http" },
      request.call,
    );
    return error === undefined ? emptyAnswer() : failedAnswer(failed, error);
  };

  const route = (path: string, logName: string, handle: HttpHandler): Route => ({
    methods: ["POST", "PUT"],
    version: "v1.0",
    path,
    group: "publish",
    logName,
    handle,
  });
  const bulkPath = "/publish/bulk/:pubsubName/*topic";
  return [
    route("/publish/:pubsubName/*topic", "PublishEvent", publish),
    route(bulkPath, "BulkPublishEvent", bulkPublish),
    { ...route(bulkPath, "BulkPublishEvent", bulkPublish), version: "v1.0-alpha1" },
  ];
}
