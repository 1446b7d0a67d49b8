// An ordinary service on the official SDK over HTTP: takes orders, keeps them in the state store, tells
// others about them by events, and learns by events what became of them.
import { CommunicationProtocolEnum, DaprServer, HttpMethod } from "@dapr/dapr";

const store = "statestore";
const server = new DaprServer({
  serverHost: "127.0.0.1",
  serverPort: process.env.APP_PORT,
  communicationProtocol: CommunicationProtocolEnum.HTTP,
  clientOptions: { daprHost: "127.0.0.1", daprPort: process.env.DAPR_HTTP_PORT },
  logger: { level: "error" },
});

await server.invoker.listen(
  "orders",
  async ({ body }) => {
    const order = { ...JSON.parse(body), status: "placed" };
    await server.client.state.save(store, [{ key: order.id, value: order }]);
    await server.client.pubsub.publish("pubsub", "order-placed", { id: order.id });
    return { id: order.id, status: order.status };
  },
  { method: HttpMethod.POST },
);

await server.invoker.listen(
  "order",
  // The SDK gives path and query.
  async ({ query }) => server.client.state.get(store, new URL(query, "http://orders").searchParams.get("id")),
  { method: HttpMethod.GET },
);

await server.pubsub.subscribe("pubsub", "order-shipped", async ({ id, parcel }) => {
  const order = await server.client.state.get(store, id);
  await server.client.state.save(store, [{ key: id, value: { ...order, status: "shipped", parcel } }]);
});

await server.start();
console.log("orders service is listening");
