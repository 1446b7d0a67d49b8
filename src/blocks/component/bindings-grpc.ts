import type { MessageInitShape } from "@bufbuild/protobuf";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import type { Binding } from "../../driver/bindings.ts";
import { DriverError } from "../../driver/errors.ts";
import {
  InputBinding,
  OutputBinding,
  type ReadRequest,
  type ReadResponseSchema,
} from "../../gen/dapr/proto/components/v1/bindings_pb.ts";
import { createEventQueue, type EventQueue } from "./event-queue.ts";
import { componentStatus, initialise, instanceOf, onInstance } from "./failure-grpc.ts";
import type { Instances } from "./instances.ts";

type Outgoing = MessageInitShape<typeof ReadResponseSchema>;

async function answerAll(requests: AsyncIterable<ReadRequest>, queue: EventQueue<Outgoing, ReadRequest>) {
  try {
    for await (const request of requests) queue.answer(request.messageId, request);
  } catch {
    // The stream broke: the source brings its events again, if it can.
  } finally {
    queue.end();
  }
}

function inputPart(bindings: Instances<Binding>): GrpcPart {
  return grpcPart(InputBinding, {
    init: initialise(bindings),
    async *read(requests, context) {
      const binding = instanceOf(bindings, context);
      const queue = createEventQueue<Outgoing, ReadRequest>();
      const end = (): void => queue.end();
      context.signal.addEventListener("abort", end);
      try {
        if (binding.read === undefined) throw new DriverError("unsupported", "this binding brings no events");
        const reader = await binding.read(async ({ data, metadata }) => {
          const answer = await queue.ask((messageId) => ({ messageId, data, metadata: { ...metadata } }));
          if (answer === undefined) throw new Error("the host went away before it took the event");
          if (answer.responseError !== undefined) throw new Error(answer.responseError.message);
          return answer.responseData;
        }, context.signal);
        try {
          void answerAll(requests, queue);
          yield* queue;
        } finally {
          queue.end();
          await reader.close();
        }
      } catch (error) {
        throw componentStatus(error);
      } finally {
        context.signal.removeEventListener("abort", end);
      }
    },
    ping: (_request, context) => onInstance(bindings, context, () => ({})),
  });
}

function outputPart(bindings: Instances<Binding>): GrpcPart {
  return grpcPart(OutputBinding, {
    init: initialise(bindings),
    listOperations: (_request, context) =>
      onInstance(bindings, context, ({ operations }) => ({ operations: [...operations] })),
    invoke: ({ operation, data, metadata }, context) =>
      onInstance(bindings, context, async (binding) => {
        if (binding.invoke === undefined) throw new DriverError("unsupported", "this binding has no operations");
        const answer = await binding.invoke({ operation, data, metadata }, context.signal);
        return answer === null ? {} : { data: answer.data, metadata: { ...answer.metadata } };
      }),
    ping: (_request, context) => onInstance(bindings, context, () => ({})),
  });
}

/** Bindings, served as pluggable components in the directions that they have. */
export function bindingComponentGrpc(
  bindings: Instances<Binding>,
  directions: readonly ("input" | "output")[],
): readonly GrpcPart[] {
  return [
    ...(directions.includes("input") ? [inputPart(bindings)] : []),
    ...(directions.includes("output") ? [outputPart(bindings)] : []),
  ];
}
