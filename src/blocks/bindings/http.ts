import { bytesAnswer, emptyAnswer, errorAnswer, type HttpAnswer } from "../../api/http/answer.ts";
import type { HttpHandler, HttpRequest, Route } from "../../api/http/route.ts";
import type { BindingRequest } from "../../driver/bindings.ts";
import { fail } from "../../errors/error.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJson, encodeGoJson } from "../../kit/go-json.ts";
import { decodeGoShape, goShape } from "../../kit/go-shape.ts";
import type { Bindings } from "./bindings.ts";

const requestShape = goShape.struct("http.OutputBindingRequest", {
  metadata: goShape.map("map[string]string", goShape.text),
  data: goShape.anything,
  operation: goShape.text,
});

async function readRequest(request: HttpRequest): Promise<BindingRequest> {
  let failure: unknown;
  try {
    const { metadata, data, operation } = decodeGoShape(decodeGoJson(await request.body()), requestShape);
    const { traceparent, tracestate, baggage } = request.call.trace;
    return {
      operation,
      data: encodeUtf8(encodeGoJson(data, { sortKeys: true })),
      metadata: {
        ...metadata,
        ...(traceparent !== "" && { traceparent }),
        ...(tracestate !== "" && { tracestate }),
        ...(baggage !== "" && { baggage }),
      },
    };
  } catch (error) {
    failure = error;
  }
  throw fail("malformedRequest", { reason: failure instanceof Error ? failure.message : String(failure) });
}

/** Adds the metadata of a binding's answer; what no header can carry is left out. */
function addMetadata(response: HttpAnswer, metadata: Readonly<Record<string, string>>): HttpAnswer {
  for (const key in metadata) {
    try {
      response.headers.append(`metadata.${key}`, metadata[key]!);
    } catch {
      // A name or value outside the grammar of headers: upstream's server drops it too.
    }
  }
  return response;
}

/** The route of the bindings API. */
export function bindingsHttp(bindings: Bindings): readonly Route[] {
  const invoke: HttpHandler = async (request) => {
    const outcome = await bindings.invoke(request.param("name"), await readRequest(request), request.call);
    if ("error" in outcome) return addMetadata(errorAnswer(outcome.error), outcome.metadata);
    const { answer } = outcome;
    return answer === null ? emptyAnswer() : addMetadata(bytesAnswer(answer.data), answer.metadata);
  };
  return [
    {
      methods: ["POST", "PUT"],
      version: "v1.0",
      path: "/bindings/:name",
      group: "bindings",
      logName: "InvokeBinding",
      handle: invoke,
    },
  ];
}
