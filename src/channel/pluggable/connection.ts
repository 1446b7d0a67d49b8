import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { DriverContext } from "../../driver/context.ts";
import { DriverError } from "../../driver/errors.ts";
import { encodeMessageText } from "../../kit/grpc/message-text.ts";
import { wasSent } from "../grpc/call-error.ts";
import { createGrpcClient, type GrpcClient, type StreamAnswer } from "../grpc/client.ts";
import { componentError } from "./component-error.ts";

/** Components run beside us and are trusted: only the frame format limits their messages. */
const unlimitedBytes = 0x7fff_ffff;
const reopenTimeoutMs = 20_000;

/** One instance of a component behind a socket. A component that came back after a loss is initialised again before its next call. */
export interface ComponentConnection {
  /** One call. Rejects with the DriverError that `explain` makes of the failure, `componentError` by default. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    signal?: AbortSignal,
    explain?: (error: unknown) => DriverError,
  ): Promise<MessageShape<O>>;
  /** A stream both ways. Rejects when the component cannot be reached; what goes wrong later is thrown by the loop over the messages. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    signal: AbortSignal,
  ): Promise<StreamAnswer<MessageShape<O>>>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** Of the socket. */
  readonly path: string;
  readonly context: DriverContext;
  /** Hands the component its metadata. */
  initialise(
    client: GrpcClient,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): Promise<unknown>;
}

/** Connects to a component and initialises it. Rejects with a DriverError. */
export async function connectComponent({ path, context, initialise }: ConnectionOptions): Promise<ComponentConnection> {
  const { platform, clock, name } = context;
  if (platform.connectHttp2 === undefined)
    throw new DriverError(
      "unsupported",
      `pluggable components need HTTP/2, which the ${platform.name} runtime does not give`,
    );
  const client = createGrpcClient({
    client: platform.connectHttp2({ host: "localhost", port: 0, path }),
    clock,
    target: `unix ${path}`,
    headers: { "x-component-instance": encodeMessageText(name) },
    maxReceiveBytes: unlimitedBytes,
    maxSendBytes: unlimitedBytes,
  });
  let isOpen = false;
  let opening: Promise<void> | undefined;

  /** Undefined when the component is there. */
  function ready(): Promise<void> | undefined {
    if (isOpen && client.http2.connected) return undefined;
    opening ??= initialise(client, { timeoutMs: reopenTimeoutMs })
      .then(() => {
        isOpen = true;
      })
      .finally(() => {
        opening = undefined;
      });
    return opening;
  }

  /** Runs a call, once more when it is certain that nothing of it left: the component went away in between. */
  async function attempt<T>(run: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const waiting = ready();
    if (waiting !== undefined) await waiting;
    try {
      return await run();
    } catch (error) {
      if (wasSent(error) || signal?.aborted) throw error;
    }
    isOpen = false;
    await ready();
    return run();
  }

  try {
    await initialise(client, { signal: context.signal });
    isOpen = true;
  } catch (error) {
    await client.http2.close();
    throw componentError(error);
  }
  return {
    async call(method, message, signal, explain = componentError) {
      try {
        return (await attempt(() => client.unary(method, message, { signal }), signal)).message;
      } catch (error) {
        throw explain(error);
      }
    },
    async stream(method, messages, signal) {
      try {
        await ready();
      } catch (error) {
        throw componentError(error);
      }
      return client.bidi(method, messages, { signal });
    },
    close: () => client.http2.close(),
  };
}
