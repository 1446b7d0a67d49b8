import { createRegistry, type DescFile, type DescService, type Registry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { type GrpcPart, grpcPart } from "./part.ts";

type Request =
  | {
      readonly case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      readonly value: string;
    }
  | {
      readonly case: "fileContainingExtension";
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: undefined; readonly value?: undefined };

type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** Server reflection, versions v1 and v1alpha, for these services and for itself. */
export function createReflectionParts(services: readonly DescService[]): readonly GrpcPart[] {
  const served = [...services, ServerReflection, ServerReflectionAlpha];
  const catalog = createCatalog(served);
  return [
    grpcPart(ServerReflection, {
      async *serverReflectionInfo(requests) {
        const sent = new Set<string>();
        for await (const originalRequest of requests) {
          const messageResponse = catalog.answer(originalRequest.messageRequest, sent);
          yield { validHost: originalRequest.host, originalRequest, messageResponse };
        }
      },
    }),
    grpcPart(ServerReflectionAlpha, {
      async *serverReflectionInfo(requests) {
        const sent = new Set<string>();
        for await (const originalRequest of requests) {
          const messageResponse = catalog.answer(originalRequest.messageRequest, sent);
          yield { validHost: originalRequest.host, originalRequest, messageResponse };
        }
      },
    }),
  ];
}

function createCatalog(services: readonly DescService[]) {
  const names = services.map((service) => ({ name: service.typeName })).sort((a, b) => (a.name < b.name ? -1 : 1));
  let made: Index | undefined;
  // A sidecar that nobody reflects on does not pay for the index.
  const index = (): Index => (made ??= indexOf(services));

  const withDependencies = (file: DescFile, sent: Set<string>): Answer => {
    const fileDescriptorProto: Uint8Array[] = [];
    const visit = (one: DescFile, isAsked: boolean) => {
      if (sent.has(one.proto.name) && !isAsked) return;
      sent.add(one.proto.name);
      fileDescriptorProto.push(toBinary(FileDescriptorProtoSchema, one.proto));
      for (const dependency of one.dependencies) if (!sent.has(dependency.proto.name)) visit(dependency, false);
    };
    visit(file, true);
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  };
  const notFound = (errorMessage: string): Answer => ({
    case: "errorResponse",
    value: { errorCode: Code.NotFound, errorMessage },
  });

  const extensionsOf = (typeName: string) =>
    [...index().types]
      .filter((found) => found.kind === "extension")
      .filter((found) => found.extendee.typeName === typeName);

  return {
    answer(request: Request, sent: Set<string>): Answer {
      switch (request.case) {
        case "listServices":
          return { case: "listServicesResponse", value: { service: names } };
        case "fileByFilename": {
          const file = index().files.get(request.value);
          return file === undefined ? notFound(`file "${request.value}" not found`) : withDependencies(file, sent);
        }
        case "fileContainingSymbol": {
          const file = fileOfSymbol(index().types, request.value);
          return file === undefined ? notFound(`symbol "${request.value}" not found`) : withDependencies(file, sent);
        }
        case "fileContainingExtension": {
          const { containingType, extensionNumber } = request.value;
          const found = extensionsOf(containingType).find((extension) => extension.number === extensionNumber);
          const missing = `extension ${extensionNumber} of "${containingType}" not found`;
          return found === undefined ? notFound(missing) : withDependencies(found.file, sent);
        }
        case "allExtensionNumbersOfType": {
          if (index().types.getMessage(request.value) === undefined)
            return notFound(`type "${request.value}" not found`);
          const extensionNumber = extensionsOf(request.value)
            .map((extension) => extension.number)
            .sort((a, b) => a - b);
          return { case: "allExtensionNumbersResponse", value: { baseTypeName: request.value, extensionNumber } };
        }
        default:
          return {
            case: "errorResponse",
            value: { errorCode: Code.InvalidArgument, errorMessage: "the request asks for nothing" },
          };
      }
    },
  };
}

interface Index {
  readonly files: ReadonlyMap<string, DescFile>;
  readonly types: Registry;
}

/** All files of the services with everything they import, by path and by what they declare. */
function indexOf(services: readonly DescService[]): Index {
  const files = new Map<string, DescFile>();
  const visit = (file: DescFile) => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    file.dependencies.forEach(visit);
  };
  for (const service of services) visit(service.file);
  return { files, types: createRegistry(...files.values()) };
}

/** The file of a type, service, RPC, field or enum value by its full name. */
function fileOfSymbol(types: Registry, symbol: string): DescFile | undefined {
  const whole = types.get(symbol);
  if (whole !== undefined) return whole.file;
  const dot = symbol.lastIndexOf(".");
  const parent = dot < 0 ? undefined : types.get(symbol.slice(0, dot));
  const last = symbol.slice(dot + 1);
  switch (parent?.kind) {
    case "service":
      return parent.methods.some((method) => method.name === last) ? parent.file : undefined;
    case "message":
      return parent.fields.some((field) => field.name === last) || parent.oneofs.some((oneof) => oneof.name === last)
        ? parent.file
        : undefined;
    default:
      return enumFile(types, symbol);
  }
}

/** Enum values live beside their enum, not within it. */
function enumFile(types: Registry, symbol: string): DescFile | undefined {
  for (const found of types) {
    if (found.kind !== "enum") continue;
    const scope = found.typeName.slice(0, found.typeName.lastIndexOf(".") + 1);
    if (found.values.some((value) => scope + value.name === symbol)) return found.file;
  }
  return undefined;
}
