import { DriverError } from "../../src/driver/errors.ts";
import { m } from "../../src/kit/schema/codecs.ts";
import type { MqttTls } from "./mqtt-stream.ts";

const pem = /-----BEGIN [A-Z0-9 ]+-----[\s\S]+-----END [A-Z0-9 ]+-----/;

/** Metadata of components that reach a broker over TLS. */
export const mqttTlsFields = {
  caCert: m.text().default("").help("Certificate of the broker's authority, PEM"),
  clientCert: m.text().default("").help("Certificate that we show, PEM"),
  clientKey: m.secret().default("").help("Its private key, PEM"),
};

/** Reads the certificates. `faults` are what is said of each that is not PEM. Throws DriverError "badMetadata". */
export function readMqttTls(
  {
    caCert,
    clientCert,
    clientKey,
  }: { readonly caCert: string; readonly clientCert: string; readonly clientKey: string },
  faults: { readonly caCert: string; readonly clientCert: string; readonly clientKey: string },
): MqttTls {
  for (const [name, value] of Object.entries({ caCert, clientCert, clientKey }))
    if (value !== "" && !pem.test(value)) throw new DriverError("badMetadata", faults[name as keyof typeof faults]);
  return {
    ...(caCert !== "" && { ca: caCert }),
    ...(clientCert !== "" && clientKey !== "" && { cert: clientCert, key: clientKey }),
  };
}
