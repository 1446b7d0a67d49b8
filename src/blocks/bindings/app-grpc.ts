import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  BindingEventRequestSchema,
  type BindingEventResponse,
  BindingEventResponseSchema,
  BindingEventResponse_BindingEventConcurrency as Concurrency,
  ListInputBindingsResponseSchema,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import type { GrpcAppChannel } from "../../kit/app-channel.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJsonText, encodeGoJson } from "../../kit/go-json.ts";
import { encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { describeEvent, traceOfEvent } from "./event-trace.ts";
import { type BindingApp, EventError, type Forward, type TraceBelow } from "./ports.ts";

const service = "/dapr.proto.runtime.v1.AppCallback";

export interface GrpcBindingAppPorts {
  readonly channel: GrpcAppChannel;
  readonly below: TraceBelow;
}

/** The JSON of an answer for other bindings; `null` when there is none. */
function forwarded(data: Uint8Array): Uint8Array {
  let value: unknown = null;
  try {
    if (data.length > 0) value = decodeGoJsonText(data);
  } catch {
    // compat: data that is no JSON goes on as null (pkg/runtime/processor/binding/send.go).
  }
  return encodeUtf8(encodeGoJson(value, { sortKeys: true }));
}

function forwardOf({ to, concurrency, data }: BindingEventResponse): Forward | undefined {
  return to.length === 0 ? undefined : { to, isParallel: concurrency === Concurrency.PARALLEL, data: forwarded(data) };
}

/** An app that speaks gRPC and takes the events of bindings. */
export function createGrpcBindingApp({ channel, below }: GrpcBindingAppPorts): BindingApp {
  let listed: Promise<ReadonlySet<string>> | undefined;

  async function list(signal: AbortSignal): Promise<ReadonlySet<string>> {
    try {
      const reply = await channel.unary(`${service}/ListInputBindings`, new Uint8Array(), {}, signal);
      return new Set(fromBinary(ListInputBindingsResponseSchema, reply.message).bindings);
    } catch (error) {
      // compat: an app that refuses the question wants nothing; one that gave no answer is asked again.
      if (error instanceof ConnectError && !signal.aborted) return new Set();
      listed = undefined;
      throw error;
    }
  }

  return {
    async wants({ name }, signal) {
      listed ??= list(signal);
      return (await listed).has(name);
    },

    async deliver({ name }, event, policy, signal) {
      const trace = below(traceOfEvent(event), `bindings/${name}`);
      if (trace.span !== undefined) describeEvent(trace.span, name, `${service}/OnBindingEvent`);
      const { data, metadata } = event;
      const message = toBinary(
        BindingEventRequestSchema,
        create(BindingEventRequestSchema, { name, data, metadata: { ...metadata } }),
      );
      const binary = encodeTraceBin(trace.traceparent);
      const sent = {
        ...(trace.traceparent !== "" && { traceparent: trace.traceparent }),
        ...(binary !== "" && { "grpc-trace-bin": binary }),
        ...(trace.tracestate !== "" && { tracestate: trace.tracestate }),
      };
      try {
        const reply = await policy(async (attempt) => {
          try {
            return await channel.unary(`${service}/OnBindingEvent`, message, sent, attempt);
          } catch (cause) {
            if (!(cause instanceof ConnectError)) throw cause;
            throw new EventError(cause.message, { code: cause.code, cause });
          }
        }, signal);
        const answer = fromBinary(BindingEventResponseSchema, reply.message);
        const forward = forwardOf(answer);
        return { body: answer.data, ...(forward !== undefined && { forward }) };
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        trace.span?.fail(why);
        const code = cause instanceof EventError && cause.code !== undefined ? { code: cause.code } : {};
        throw new EventError(`error invoking app: ${why}`, { ...code, cause });
      } finally {
        trace.span?.end();
      }
    },
  };
}
