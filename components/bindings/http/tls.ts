import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";

export interface TlsSettings {
  readonly MTLSRootCA: string;
  readonly MTLSClientCert: string;
  readonly MTLSClientKey: string;
  readonly MTLSRenegotiation: string;
}
/** Certificates in PEM. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const pem = /-----BEGIN [A-Z0-9 ]+-----[\s\S]+-----END [A-Z0-9 ]+-----/;
const renegotiations = ["RenegotiateNever", "RenegotiateOnceAsClient", "RenegotiateFreelyAsClient"];

async function readPem(name: string, given: string, { platform }: DriverContext): Promise<string> {
  if (pem.test(given)) return given;
  const lead = `provided "${name}" value is neither a valid file path or nor a valid pem encoded string`;
  if (platform.files === undefined) throw new DriverError("badMetadata", `${lead}: this host has no files`);
  try {
    return await platform.files.readText(given);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DriverError("badMetadata", `${lead}: ${reason}`, { cause });
  }
}

/** Reads the certificates that the metadata names; undefined when it names none. Throws a DriverError. */
export async function readTls(settings: TlsSettings, context: DriverContext): Promise<TlsMaterial | undefined> {
  const { MTLSRootCA, MTLSClientCert, MTLSClientKey, MTLSRenegotiation } = settings;
  if (MTLSRenegotiation !== "" && !renegotiations.includes(MTLSRenegotiation))
    throw new DriverError("badMetadata", `invalid renegotiation value: ${MTLSRenegotiation}`);
  if (MTLSRenegotiation !== "" && MTLSRenegotiation !== "RenegotiateNever")
    throw new DriverError(
      "unsupported",
      `MTLSRenegotiation "${MTLSRenegotiation}" is not served: this host's TLS never renegotiates, leave the item out`,
    );
  const hasClient = MTLSClientCert !== "" && MTLSClientKey !== "";
  if (MTLSRootCA === "" && !hasClient) return undefined;
  // portable: only Bun's fetch takes certificates for one request.
  if (context.platform.name !== "bun")
    throw new DriverError(
      "unsupported",
      `certificates of bindings.http are not served on the ${context.platform.name} runtime, use the executable`,
    );
  const ca = MTLSRootCA === "" ? undefined : await readPem("MTLSRootCA", MTLSRootCA, context);
  if (ca !== undefined && !pem.test(ca))
    throw new DriverError("badMetadata", "failed to add root certificate to certpool");
  if (!hasClient) return ca === undefined ? undefined : { ca };
  const cert = await readPem("MTLSClientCert", MTLSClientCert, context);
  const key = await readPem("MTLSClientKey", MTLSClientKey, context);
  if (!pem.test(cert) || !pem.test(key))
    throw new DriverError(
      "badMetadata",
      "failed to load client certificate: tls: failed to find any PEM data in certificate or key input",
    );
  return { ...(ca !== undefined && { ca }), cert, key };
}
