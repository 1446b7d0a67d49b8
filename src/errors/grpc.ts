import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  ResourceInfoSchema,
} from "../gen/google/rpc/error_details_pb.ts";
import { ApiError, pluggableCategory } from "./error.ts";
import { type ErrorDetail, type ErrorRow, grpcCode } from "./row.ts";
import { errorTable } from "./table.ts";

type OutgoingDetail = { readonly desc: DescMessage; readonly value: MessageInitShape<DescMessage> };

/** Anything thrown on the gRPC API as the status that its caller gets; a ConnectError stays what it is. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const api = ApiError.from(error);
  if (api.given !== undefined) {
    const { message: text, grpc, reason, domain } = api.given;
    return new ConnectError(text, grpc as Code, undefined, [message(ErrorInfoSchema, { reason, domain })], error);
  }
  const base = errorTable[api.row] as ErrorRow<unknown>;
  const row = base.onGrpc === undefined ? base : { ...base, ...base.onGrpc };
  const text = base.onGrpc?.text === undefined ? api.message : row.text(api.params);
  const details = row.details?.(api.params).map(detailMessage);
  return new ConnectError(text, grpcCode[row.grpc] as number as Code, undefined, details, error);
}

/** The code and category that the error-code metric counts for a thrown value; undefined when it counts nothing. */
export function grpcErrorCode(error: unknown): { readonly code: string; readonly category: string } | undefined {
  if (!ApiError.is(error)) return undefined;
  if (error.given !== undefined) {
    return { code: error.given.tag || error.given.reason, category: pluggableCategory };
  }
  const base = errorTable[error.row] as ErrorRow<unknown>;
  const row = base.onGrpc === undefined ? base : { ...base, ...base.onGrpc };
  if (row.category === "") return undefined;
  const info = row.details?.(error.params).find((detail) => detail.kind === "ErrorInfo");
  const code = row.metricCode || row.tag || (info?.kind === "ErrorInfo" ? info.reason : "");
  return code === "" ? undefined : { code, category: row.category };
}

function detailMessage(detail: ErrorDetail): OutgoingDetail {
  switch (detail.kind) {
    case "ErrorInfo":
      return message(ErrorInfoSchema, {
        reason: detail.reason,
        domain: "dapr.io",
        metadata: { ...detail.metadata },
      });
    case "ResourceInfo":
      return message(ResourceInfoSchema, {
        resourceType: detail.resourceType,
        resourceName: detail.resourceName,
        owner: detail.owner,
        description: detail.description,
      });
    case "BadRequest":
      return message(BadRequestSchema, { fieldViolations: detail.violations.map((violation) => ({ ...violation })) });
    case "Help":
      return message(HelpSchema, { links: detail.links.map((link) => ({ ...link })) });
  }
}

function message<D extends DescMessage>(desc: D, value: MessageInitShape<D>): OutgoingDetail {
  return { desc, value: create(desc, value) };
}
