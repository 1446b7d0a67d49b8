import type { StateValue } from "../../driver/state.ts";
import { encodeGoJson } from "../../kit/go-json.ts";
import { isTruthy } from "../../kit/truthy.ts";
import { goPrint } from "./go-print.ts";
import type { Metadata, StateContent } from "./model.ts";
import type { OutboxEvent } from "./ports.ts";

/** An operation as the outbox sees it. */
export interface OutboxInput {
  readonly kind: "upsert" | "delete";
  /** As stored. */
  readonly key: string;
  readonly request: { readonly metadata: Metadata };
  /** What the caller gave, or the sealed bytes where the store encrypts; undefined for deletes. */
  readonly content: StateContent | undefined;
  /** What is stored of it. */
  readonly value: StateValue | undefined;
}

const isProjection = ({ kind, request }: OutboxInput): boolean =>
  kind === "upsert" && isTruthy(request.metadata["outbox.projection"]);

/** compat: pkg/runtime/pubsub/outbox.go publishes Go's print form of what is not declared to be JSON. */
function dataOf(content: StateContent, contentType: string, value: StateValue): Pick<OutboxEvent, "data" | "json"> {
  if (content.kind !== "json") return { data: content.bytes };
  // A value that was not read from JSON text is stored as Go writes it, and a text is the same there as in its event.
  const json = content.text === undefined ? value.bytes : undefined;
  if (contentType.toLowerCase() === "application/json")
    return { data: json ?? encodeGoJson(content.value, { sortKeys: true }), json };
  return typeof content.value === "string" ? { data: content.value, json } : { data: goPrint(content.value) };
}

/**
 * What the outbox of a store makes of a transaction: one event for each upsert. A projection is not written: its value is that of
 * the event for the key. `kept` are the operations that are written.
 */
export function planOutbox<T extends OutboxInput>(
  operations: readonly T[],
): { readonly kept: readonly T[]; readonly events: readonly OutboxEvent[] } {
  let projections: Map<string, T> | undefined;
  for (const operation of operations)
    if (isProjection(operation)) (projections ??= new Map()).set(operation.key, operation);
  const kept = projections === undefined ? operations : operations.filter((operation) => !isProjection(operation));
  const events: OutboxEvent[] = [];
  for (const operation of kept) {
    if (operation.kind === "delete") continue;
    const { content, value, request } = projections?.get(operation.key) ?? operation;
    const contentType = request.metadata["contentType"] ?? "";
    const attributes = operation.request.metadata;
    if (content !== undefined && value !== undefined)
      events.push({ ...dataOf(content, contentType, value), contentType, attributes });
  }
  return { kept, events };
}
