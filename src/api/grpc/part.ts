import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";

/** Some methods of one gRPC service, contributed by a block; the server merges the parts and refuses two that claim one method. */
export interface GrpcPart {
  readonly service: DescService;
  readonly methods: Readonly<Record<string, unknown>>;
}

/** Ties handlers to their service with full types. Handlers throw ApiError or ConnectError. */
export function grpcPart<S extends DescService>(service: S, methods: Partial<ServiceImpl<S>>): GrpcPart {
  return { service, methods: methods as Readonly<Record<string, unknown>> };
}
