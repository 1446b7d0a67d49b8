import type { DriverContext } from "../../driver/context.ts";
import type { SecretStore } from "../../driver/secretstore.ts";
import { SecretStore as Service } from "../../gen/dapr/proto/components/v1/secretstore_pb.ts";
import { connectComponent } from "./connection.ts";

/** Opens a secret store behind a socket. */
export async function openSecretStore(
  path: string,
  properties: ReadonlyMap<string, string>,
  context: DriverContext,
): Promise<SecretStore> {
  const metadata = { properties: Object.fromEntries(properties) };
  const connection = await connectComponent({
    path,
    context,
    initialise: (client, options) => client.unary(Service.method.init, { metadata }, options),
  });
  try {
    const { features } = await connection.call(Service.method.features, {}, context.signal);
    return {
      features: features as SecretStore["features"],
      async get(name, request, signal) {
        return (await connection.call(Service.method.get, { key: name, metadata: { ...request } }, signal)).data;
      },
      async bulkGet(request, signal) {
        const { data } = await connection.call(Service.method.bulkGet, { metadata: { ...request } }, signal);
        return Object.fromEntries(Object.entries(data).map(([name, { secrets }]) => [name, secrets]));
      },
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
