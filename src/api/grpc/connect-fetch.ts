import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { toConnectError } from "../../errors/grpc.ts";
import type { Call } from "../../kit/call.ts";
import type { PathGuard } from "./allow-list.ts";
import { callKey } from "./call.ts";
import type { MessageLimits } from "./message-codec.ts";
import { type MethodEntry, mergeParts, methodPath } from "./method-table.ts";
import type { GrpcPart } from "./part.ts";

export interface ConnectFetchOptions {
  readonly parts: readonly GrpcPart[];
  readonly limits: MessageLimits;
  /** The allow and deny lists of the gRPC API; they hold here too. */
  readonly guard?: PathGuard;
}

/** Answers requests to the path of an RPC, in the Connect and gRPC-web protocols; null for every other path. `call` reaches the handlers. */
export type ConnectFetch = (request: Request, path: string, call?: Call) => Promise<Response> | null;

type Handle = (request: Request, call: Call | undefined) => Promise<Response>;
type Implement = (request: unknown, context: HandlerContext) => unknown;

/** Mounts the parts for HTTP. The protocol code is loaded with the first request to an RPC. */
export function createConnectFetch(options: ConnectFetchOptions): ConnectFetch {
  const { methods } = mergeParts(options.parts);
  let loading: Promise<ReadonlyMap<string, Handle>> | undefined;
  return (request, path, call) => {
    if (!methods.has(path)) return null;
    loading ??= mount([...methods.values()], options);
    return loading.then((handles) => {
      const handle = handles.get(path);
      if (handle === undefined) throw new Error(`Serving "${path}" failed: it is not mounted`);
      return handle(request, call);
    });
  };
}

async function mount(
  entries: readonly MethodEntry[],
  options: ConnectFetchOptions,
): Promise<ReadonlyMap<string, Handle>> {
  const [
    { createConnectRouter, createContextValues },
    { universalServerRequestFromFetch, universalServerResponseToFetch },
  ] = await Promise.all([import("@connectrpc/connect"), import("@connectrpc/connect/protocol")]);
  const router: ConnectRouter = createConnectRouter({
    grpc: false,
    readMaxBytes: options.limits.maxReceiveBytes,
    writeMaxBytes: options.limits.maxSendBytes,
  });
  for (const service of new Set(entries.map((entry) => entry.service))) {
    const methods: Record<string, Implement> = {};
    for (const { method, implement, path } of entries) {
      if (method.parent !== service || implement === undefined) continue;
      methods[method.localName] = asConnect(method, guarded(path, implement, options.guard));
    }
    router.service(service, methods as unknown as Partial<ServiceImpl<typeof service>>);
  }
  const handles = new Map<string, Handle>();
  for (const handler of router.handlers) {
    handles.set(methodPath(handler.method), async (request, call) => {
      const received = universalServerRequestFromFetch(request, {});
      const contextValues = createContextValues().set(callKey, call);
      return universalServerResponseToFetch(await handler({ ...received, contextValues }));
    });
  }
  return handles;
}

function guarded(path: string, implement: Implement, guard: PathGuard | undefined): Implement {
  if (guard === undefined) return implement;
  return (request, context) => {
    guard(path);
    return implement(request, context);
  };
}

/** The implementation as Connect expects it: always asynchronous, and with its errors as ConnectErrors. */
function asConnect(method: DescMethod, implement: Implement): Implement {
  if (method.methodKind === "unary" || method.methodKind === "client_streaming") {
    return async (request, context) => {
      try {
        return await implement(request, context);
      } catch (error) {
        throw toConnectError(error);
      }
    };
  }
  return async function* (request, context) {
    try {
      yield* implement(request, context) as AsyncIterable<unknown>;
    } catch (error) {
      throw toConnectError(error);
    }
  };
}
