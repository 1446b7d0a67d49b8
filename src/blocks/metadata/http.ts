import { emptyAnswer, jsonAnswer } from "../../api/http/answer.ts";
import { BodyTooLarge } from "../../api/http/body.ts";
import type { HttpRequest, Route } from "../../api/http/route.ts";
import { fail } from "../../errors/error.ts";
import { decodeUtf8 } from "../../kit/bytes.ts";
import type { Health } from "./health.ts";
import { metadataJson } from "./http-json.ts";
import type { Metadata } from "./metadata.ts";
import { forceShutdownKey, type Shutdown } from "./shutdown.ts";

/** The parts that the routes are for. */
export interface MetadataHttpParts {
  readonly metadata: Metadata;
  readonly health: Health;
  readonly shutdown: Shutdown;
}

/** The routes of the metadata, health and shutdown APIs. */
export function metadataHttp({ metadata, health, shutdown }: MetadataHttpParts): readonly Route[] {
  const open = { version: "v1.0", group: "healthz", isPublic: true, isOpen: true } as const;
  const facts = { version: "v1.0", group: "metadata", isPublic: true } as const;
  return [
    {
      ...open,
      methods: ["GET"],
      path: "/healthz",
      logName: "Healthz",
      handle(request) {
        health.check(request.queryValue("appid"));
        return emptyAnswer();
      },
    },
    {
      ...open,
      methods: ["GET"],
      path: "/healthz/outbound",
      logName: "HealthzOutbound",
      handle() {
        health.checkOutbound();
        return emptyAnswer();
      },
    },
    {
      ...facts,
      methods: ["GET"],
      path: "/metadata",
      logName: "GetMetadata",
      handle: () => jsonAnswer(metadataJson(metadata.facts())),
    },
    {
      ...facts,
      methods: ["PUT"],
      path: "/metadata/:key",
      logName: "PutMetadata",
      async handle(request) {
        metadata.setLabel(request.param("key"), decodeUtf8(await readBody(request)));
        return emptyAnswer();
      },
    },
    {
      version: "v1.0",
      group: "shutdown",
      methods: ["POST"],
      path: "/shutdown",
      logName: "Shutdown",
      handle(request) {
        shutdown(request.headers.get(forceShutdownKey)?.toLowerCase() === "true");
        return emptyAnswer();
      },
    },
  ];
}

async function readBody(request: HttpRequest): Promise<Uint8Array> {
  try {
    return await request.body();
  } catch (cause) {
    if (!(cause instanceof BodyTooLarge)) throw cause;
    throw fail("bodyRead", { reason: cause.message }, { cause });
  }
}
