import { BindingError, type BindingRequest } from "../../../src/driver/bindings.ts";
import { defineBinding } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { concatBytes } from "../../../src/kit/bytes.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { isTruthy } from "../../../src/kit/truthy.ts";
import { answerMetadata, requestHeaders } from "./http-headers.ts";
import { readTls } from "./tls.ts";

const withBody: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);
// portable: the fetch of Node and Deno refuses "trace".
const operations = ["create", "get", "head", "post", "put", "patch", "delete", "options", "trace"];

/** The address of a request: what the metadata's `path` says goes behind the component's URL. */
function addressOf(url: string, path: string | undefined): string {
  return path === undefined || path === "" ? url : `${url.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`;
}

/** At most `limit` bytes of a body (0: all); the rest is not waited for. */
async function readLimited(response: Response, limit: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let left = limit > 0 ? limit : Number.POSITIVE_INFINITY;
  while (left > 0) {
    const { done, value } = await reader.read();
    if (done) return concatBytes(chunks);
    const part = value.length > left ? value.subarray(0, left) : value;
    chunks.push(part);
    left -= part.length;
  }
  await reader.cancel();
  return concatBytes(chunks);
}

export default defineBinding({
  type: "bindings.http",
  versions: ["v1"],
  status: "stable",
  summary: "Output: requests to an HTTP service",
  directions: ["output"],
  metadata: {
    url: m.text().required().help("Address of the service; `path` of a request goes behind it"),
    responseTimeout: m.duration().help("Longest time until an answer is read; no limit when absent"),
    maxResponseBodySize: m
      .bytes()
      .default(100 * 1024 * 1024)
      .help("What an answer has beyond it is cut off; 0 is no limit"),
    MTLSRootCA: m.text().default("").help("Certificate of the authority, PEM or a path"),
    MTLSClientCert: m.text().default("").help("Certificate of this client, PEM or a path"),
    MTLSClientKey: m.secret().default("").help("Key of this client, PEM or a path"),
    MTLSRenegotiation: m.text().default("").help("RenegotiateNever"),
    securityToken: m.secret().default("").help("Value of the header that securityTokenHeader names"),
    securityTokenHeader: m.text().default("").help("Header that carries securityToken"),
    errorIfNot2XX: m.text().default("").help("Whether a status other than 2xx is an error, true when absent"),
  },
  async open(metadata, context) {
    const { url, responseTimeout, maxResponseBodySize, securityToken, securityTokenHeader } = metadata;
    const tls = await readTls(metadata, context);
    const isStrict = metadata.errorIfNot2XX === "" || isTruthy(metadata.errorIfNot2XX);
    const token =
      securityToken === "" || securityTokenHeader === "" ? undefined : ([securityTokenHeader, securityToken] as const);

    async function send(request: BindingRequest, method: string, address: string, signal: AbortSignal) {
      const hasBody = withBody.has(method);
      const response = await fetch(address, {
        method,
        headers: requestHeaders(request.metadata, { hasBody, ...(token !== undefined && { token }) }),
        signal,
        ...(hasBody && { body: request.data as Uint8Array<ArrayBuffer> }),
        // portable: Bun would give up after five minutes, and only Bun takes certificates.
        ...({ timeout: false, ...(tls !== undefined && { tls }) } as RequestInit),
      });
      return { response, data: await readLimited(response, maxResponseBodySize) };
    }

    return {
      operations,
      async invoke(request, signal) {
        const name = request.operation.toUpperCase();
        const method = name === "CREATE" ? "POST" : name;
        if (!operations.includes(method.toLowerCase()))
          throw new DriverError("unsupported", `invalid operation: ${request.operation}`);
        const address = addressOf(url, request.metadata["path"]);
        const limit = new AbortController();
        const cancel =
          responseTimeout === undefined
            ? undefined
            : context.clock.after(responseTimeout, () => limit.abort(new Error("context deadline exceeded")));
        let exchange: Awaited<ReturnType<typeof send>>;
        try {
          exchange = await send(request, method, address, AbortSignal.any([signal, limit.signal]));
        } catch (cause) {
          const verb = method[0] + method.slice(1).toLowerCase();
          const known: unknown = limit.signal.aborted ? limit.signal.reason : cause;
          const reason = known instanceof Error ? known.message : String(known);
          const kind = limit.signal.aborted ? "timeout" : "unavailable";
          throw new DriverError(kind, `${verb} "${address}": ${reason}`, { cause });
        } finally {
          cancel?.();
        }
        const { response, data } = exchange;
        const answer = answerMetadata(response);
        const wanted = request.metadata["errorIfNot2XX"] ?? "";
        const mustBe2xx = wanted === "" ? isStrict : isTruthy(wanted);
        if (mustBe2xx && !response.ok) throw new BindingError(`received status code ${response.status}`, answer);
        return { data, metadata: answer };
      },
      async close() {},
    };
  },
});
