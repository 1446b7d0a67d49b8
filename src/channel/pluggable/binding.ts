import { type Binding, type BindingHandler, bindingDirections } from "../../driver/bindings.ts";
import type { DriverContext } from "../../driver/context.ts";
import { InputBinding, OutputBinding, type ReadResponse } from "../../gen/dapr/proto/components/v1/bindings_pb.ts";
import { type ComponentConnection, connectComponent } from "./connection.ts";
import { type EventStream, openEventStream } from "./event-stream.ts";

/** Opens a binding behind a socket, in the directions that its services and the metadata of the component allow. */
export async function openBinding(
  path: string,
  services: ReadonlySet<string>,
  properties: ReadonlyMap<string, string>,
  context: DriverContext,
): Promise<Binding> {
  const directions = bindingDirections(properties);
  const isInput = services.has(InputBinding.typeName) && (directions?.has("input") ?? true);
  const isOutput = services.has(OutputBinding.typeName) && (directions?.has("output") ?? true);
  const metadata = { properties: Object.fromEntries(properties) };
  const connection = await connectComponent({
    path,
    context,
    async initialise(client, options) {
      if (isInput) await client.unary(InputBinding.method.init, { metadata }, options);
      if (isOutput) await client.unary(OutputBinding.method.init, { metadata }, options);
    },
  });
  try {
    const operations = isOutput
      ? (await connection.call(OutputBinding.method.listOperations, {}, context.signal)).operations
      : [];
    const input = isInput ? inputOf(connection, context) : undefined;
    return {
      operations,
      ...(isOutput && outputOf(connection)),
      ...(input && { read: input.read }),
      async close() {
        await input?.close();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function outputOf(connection: ComponentConnection): Required<Pick<Binding, "invoke">> {
  return {
    async invoke({ operation, data, metadata }, signal) {
      const message = { operation, data, metadata: { ...metadata } };
      const answer = await connection.call(OutputBinding.method.invoke, message, signal);
      return { data: answer.data, metadata: answer.metadata };
    },
  };
}

/** How long late events are still refused by name before the component is left alone. */
const lingerMs = 250;

function inputOf(connection: ComponentConnection, context: DriverContext) {
  let current: EventStream | undefined;
  async function end(): Promise<void> {
    const stream = current;
    current = undefined;
    await stream?.end();
  }
  return {
    async read(handle: BindingHandler) {
      await end();
      const stream = await openEventStream({
        connection,
        context,
        method: InputBinding.method.read,
        atOnce: Number.POSITIVE_INFINITY,
        what: "binding message",
        settlesLate: true,
        async settle({ data, metadata, messageId }: ReadResponse) {
          try {
            return { messageId, responseData: await handle({ data, metadata }) };
          } catch (error) {
            const message = error instanceof Error ? error.message : String(error);
            return { messageId, responseError: { message } };
          }
        },
      });
      current = stream;
      // The stream stays after the reader: the handler refuses what still comes, and the component learns of it.
      return { close: () => stream.drain() };
    },
    async close() {
      if (current === undefined) return;
      await context.clock.sleep(lingerMs);
      await end();
    },
  };
}
