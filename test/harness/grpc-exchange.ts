import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { GrpcPart } from "../../src/api/grpc/part.ts";
import { toConnectError } from "../../src/errors/grpc.ts";

/** A refused call: code by number, text, and details as plain objects with the short name of their kind. */
export interface GrpcRefusal {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Readonly<Record<string, unknown>>[];
}

/** Runs a unary method of a part without a server; a refusal is thrown as the status its caller would get. */
export async function sendGrpc(
  part: GrpcPart,
  name: string,
  request: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<MessageShape<DescMessage>> {
  const method = part.service.method[name];
  const handle = part.methods[name] as ((message: unknown, context: unknown) => Promise<unknown>) | undefined;
  if (method === undefined || handle === undefined) throw new Error(`the part has no method "${name}"`);
  const signal = new AbortController().signal;
  const call = { signal, trace: { traceparent: "", tracestate: "", baggage: "" } };
  const message = create(method.input, request as MessageInitShape<DescMessage>);
  try {
    return create(
      method.output,
      (await handle(message, { call, signal, header: (key: string) => headers[key] })) as MessageInitShape<DescMessage>,
    );
  } catch (error) {
    throw toConnectError(error);
  }
}

/** The refusal with which a call must end. */
export async function refusedGrpc(part: GrpcPart, name: string, request: object = {}): Promise<GrpcRefusal> {
  try {
    await sendGrpc(part, name, request);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const details = error.details.map((detail) => {
      if (!("desc" in detail)) throw new Error("a detail without its message type");
      const { $typeName, ...fields } = create(detail.desc, detail.value) as unknown as Record<string, unknown>;
      return { kind: String($typeName).split(".").at(-1), ...plain(fields) };
    });
    return { code: error.code, message: error.rawMessage, details };
  }
  throw new Error(`"${name}" was not refused`);
}

function plain(fields: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(fields, (key, value: unknown) => (key === "$typeName" ? undefined : value)),
  ) as Record<string, unknown>;
}
