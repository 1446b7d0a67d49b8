import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type Message,
} from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import type { GrpcPart } from "../../src/api/grpc/part.ts";

/** The one message of the probe service, in both directions. */
export interface Probe extends Message {
  data: Uint8Array;
  n: number;
  size: number;
  fail: number;
  text: string;
}
export type ProbeInit = Partial<Omit<Probe, "$typeName" | "$unknown">>;

/** What a handler of the probe service looks like. */
export interface ProbeMethods {
  unary?(request: Probe, context: HandlerContext): ProbeInit | Promise<ProbeInit>;
  serverStream?(request: Probe, context: HandlerContext): AsyncIterable<ProbeInit>;
  clientStream?(requests: AsyncIterable<Probe>, context: HandlerContext): Promise<ProbeInit>;
  bidi?(requests: AsyncIterable<Probe>, context: HandlerContext): AsyncIterable<ProbeInit>;
}

/** A service with one method of each kind, described at run time. */
export function describeProbe() {
  const field = (name: string, number: number, type: Type) => ({
    name,
    jsonName: name,
    number,
    type,
    label: Label.OPTIONAL,
  });
  const method = (name: string, clientStreaming: boolean, serverStreaming: boolean) => ({
    name,
    inputType: ".probe.v1.Msg",
    outputType: ".probe.v1.Msg",
    clientStreaming,
    serverStreaming,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "probe/v1/probe.proto",
    package: "probe.v1",
    syntax: "proto3",
    messageType: [
      {
        name: "Msg",
        field: [
          field("data", 1, Type.BYTES),
          field("n", 2, Type.INT32),
          field("size", 3, Type.INT32),
          field("fail", 5, Type.INT32),
          field("text", 6, Type.STRING),
        ],
      },
    ],
    service: [
      {
        name: "Probe",
        method: [
          method("Unary", false, false),
          method("ServerStream", false, true),
          method("ClientStream", true, false),
          method("Bidi", true, true),
        ],
      },
    ],
  });
  const registry = createFileRegistry(file, () => undefined);
  const service = registry.getService("probe.v1.Probe") as DescService;
  const message = registry.getMessage("probe.v1.Msg") as DescMessage;
  return {
    service,
    message,
    unary: service.method["unary"] as DescMethodUnary<DescMessage, DescMessage>,
    serverStream: service.method["serverStream"] as DescMethodServerStreaming<DescMessage, DescMessage>,
    clientStream: service.method["clientStream"] as DescMethodClientStreaming<DescMessage, DescMessage>,
    bidi: service.method["bidi"] as DescMethodBiDiStreaming<DescMessage, DescMessage>,
    part: (methods: ProbeMethods): GrpcPart => ({ service, methods: { ...methods } }),
    /** The initial values of a message, for the client's methods. */
    init: (values: ProbeInit): Message => create(message, values as Record<string, unknown>),
  };
}
