import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { block, field, list, maybeBlock } from "../schema-field.ts";
import { manifestFields, type ResourceMeta, type ResourceSourcePlace, resourceMeta } from "./manifest.ts";
import { type NameValue, nameValueSchema, type SecretReference, secretReferenceSchema } from "./name-value.ts";

/** PEM text, or where to take it from. */
export interface TlsDocument {
  readonly value: string | undefined;
  readonly secretKeyRef: SecretReference | undefined;
}
/** An HTTP service outside, which is invoked by its name. */
export interface HttpEndpoint extends ResourceMeta {
  readonly kind: "HTTPEndpoint";
  readonly baseUrl: string;
  readonly headers: readonly NameValue[];
  readonly secretStore: string;
  readonly clientTls: {
    readonly rootCA: TlsDocument | undefined;
    readonly certificate: TlsDocument | undefined;
    readonly privateKey: TlsDocument | undefined;
    readonly renegotiation: string;
  };
}

const tlsDocument = () => maybeBlock({ value: field.dynamic(), secretKeyRef: v.optional(secretReferenceSchema()) });

export const httpEndpointSchema = lazily(() =>
  v.object({
    ...manifestFields(),
    auth: maybeBlock({ secretStore: field.text() }),
    spec: block({
      baseUrl: field.text(),
      headers: list(nameValueSchema()),
      clientTLS: block({
        rootCA: tlsDocument(),
        certificate: tlsDocument(),
        privateKey: tlsDocument(),
        renegotiation: field.text("Never"),
      }),
    }),
  }),
);

type Manifest = v.InferOutput<ReturnType<typeof httpEndpointSchema>>;

function document(found: Manifest["spec"]["clientTLS"]["rootCA"]): TlsDocument | undefined {
  return found === undefined ? undefined : { value: found.value, secretKeyRef: found.secretKeyRef };
}

/** An endpoint from its decoded manifest. */
export function httpEndpointFrom(manifest: Manifest, source: ResourceSourcePlace): HttpEndpoint {
  const { baseUrl, headers, clientTLS } = manifest.spec;
  return {
    kind: "HTTPEndpoint",
    ...resourceMeta(manifest, source),
    baseUrl,
    headers,
    secretStore: manifest.auth?.secretStore ?? "",
    clientTls: {
      rootCA: document(clientTLS.rootCA),
      certificate: document(clientTLS.certificate),
      privateKey: document(clientTLS.privateKey),
      renegotiation: clientTLS.renegotiation,
    },
  };
}
