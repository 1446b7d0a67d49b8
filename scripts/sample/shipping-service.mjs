// An ordinary service on plain `fetch` and node:http, with the official SDK over gRPC where it keeps its parcels:
// hears of orders by events, asks the orders service for them by name, and tells when they are on their way.
import { createServer } from "node:http";
import { CommunicationProtocolEnum, DaprClient } from "@dapr/dapr";

const pillion = `http://127.0.0.1:${process.env.DAPR_HTTP_PORT}`;
const client = new DaprClient({
  daprHost: "127.0.0.1",
  daprPort: process.env.DAPR_GRPC_PORT,
  communicationProtocol: CommunicationProtocolEnum.GRPC,
  logger: { level: "error" },
});

async function ship({ id }) {
  const answer = await fetch(`${pillion}/order?id=${encodeURIComponent(id)}`, { headers: { "dapr-app-id": "orders" } });
  if (!answer.ok) throw new Error(`could not read order "${id}": ${answer.status} ${await answer.text()}`);
  const order = await answer.json();
  if (order.id !== id) throw new Error(`asked for order "${id}", was given "${order.id}"`);
  const parcel = { number: `P${id.slice(6)}`, to: order.city, grams: order.quantity * 450 };
  await client.state.save("statestore", [{ key: parcel.number, value: parcel }]);
  const told = await fetch(`${pillion}/v1.0/publish/pubsub/order-shipped`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id, parcel: parcel.number }),
  });
  if (!told.ok) throw new Error(`could not publish: ${told.status} ${await told.text()}`);
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString() || "{}");
}

const routes = {
  "GET /dapr/subscribe": async () => [{ pubsubname: "pubsub", topic: "order-placed", route: "/order-placed" }],
  "POST /order-placed": async (request) => {
    await ship((await body(request)).data);
    return { status: "SUCCESS" };
  },
};

createServer(async (request, response) => {
  const route = routes[`${request.method} ${request.url}`];
  try {
    response.statusCode = route === undefined ? 404 : 200;
    const result = route === undefined ? {} : await route(request);
    response.setHeader("content-type", "application/json").end(JSON.stringify(result));
  } catch (error) {
    console.error(error.message);
    response.statusCode = 500;
    response.end();
  }
}).listen(Number(process.env.APP_PORT), "127.0.0.1", () => console.log("shipping service is listening"));
