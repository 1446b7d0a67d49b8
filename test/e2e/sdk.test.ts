import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CommunicationProtocolEnum, DaprClient } from "@dapr/dapr";
import { component, type DaprdProcess, startDaprd } from "../harness/daprd-process.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

for (const protocol of [CommunicationProtocolEnum.HTTP, CommunicationProtocolEnum.GRPC]) {
  const name = protocol === CommunicationProtocolEnum.HTTP ? "HTTP" : "gRPC";
  describe(`the official SDK over ${name}`, () => {
    let sidecar: DaprdProcess;
    let client: DaprClient;

    before(async () => {
      sidecar = await startDaprd({
        appId: "shop",
        resources: [
          component("store", "state.sqlite", { connectionString: `${temporaryFolder().path}/state.db` }),
          component("memory", "state.in-memory"),
          component("secrets", "secretstores.local.env", { prefix: "SHOP_" }),
        ],
        env: { SHOP_PASSWORD: "open sesame" },
      });
      await sidecar.ready();
      const port = protocol === CommunicationProtocolEnum.HTTP ? sidecar.httpPort : sidecar.grpcPort;
      client = new DaprClient({ daprHost: "127.0.0.1", daprPort: String(port), communicationProtocol: protocol });
    });
    after(async () => {
      await client.stop();
      assert.equal(await sidecar.stop(), 0);
    });

    for (const store of ["store", "memory"]) {
      test(`${store}: saves, reads, deletes`, async () => {
        await client.state.save(store, [
          { key: "one", value: { n: 1, text: "ä<>&" } },
          { key: "two", value: "plain" },
        ]);
        assert.deepEqual(await client.state.get(store, "one"), { n: 1, text: "ä<>&" });
        assert.equal(await client.state.get(store, "two"), "plain");
        const bulk = await client.state.getBulk(store, ["one", "two", "none"]);
        assert.equal(bulk.length, 3);
        await client.state.delete(store, "one");
        assert.ok(!(await client.state.get(store, "one")));
      });

      test(`${store}: transactions`, async () => {
        await client.state.transaction(store, [
          { operation: "upsert", request: { key: "t1", value: "v1" } },
          { operation: "upsert", request: { key: "t2", value: "v2" } },
        ]);
        await client.state.transaction(store, [
          { operation: "delete", request: { key: "t1" } },
          { operation: "upsert", request: { key: "t2", value: "v3" } },
        ]);
        assert.ok(!(await client.state.get(store, "t1")));
        assert.equal(await client.state.get(store, "t2"), "v3");
      });
    }

    test("secrets", async () => {
      assert.deepEqual(await client.secret.get("secrets", "PASSWORD"), { PASSWORD: "open sesame" });
    });

    test("metadata", async () => {
      const metadata = await client.metadata.get();
      assert.equal(metadata.id, "shop");
      assert.deepEqual(metadata.components.map((item: { name: string }) => item.name).sort(), [
        "memory",
        "secrets",
        "store",
      ]);
      assert.equal(await client.metadata.set("colour", "green"), true);
    });

    test("health", async () => {
      assert.equal(await client.health.isHealthy(), true);
    });
  });
}
