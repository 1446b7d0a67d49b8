import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { driverContext } from "../../test/harness/driver-context.ts";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { grpcPart } from "../api/grpc/part.ts";
import { createReflectionParts } from "../api/grpc/reflection.ts";
import { createGrpcServer } from "../api/grpc/server.ts";
import type { StateStore as StateStoreDriver } from "../driver/state.ts";
import { StateStore } from "../gen/dapr/proto/components/v1/state_pb.ts";
import { findDriver } from "../host/open.ts";
import type { Listener } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import { discoverPluggable } from "./pluggable.ts";

const platform = await hostPlatform();
const limits = { maxReceiveBytes: 1 << 20, maxSendBytes: 1 << 20 };

function writer() {
  const warnings: string[] = [];
  const silent = () => {};
  const warn = (message: string): void => void warnings.push(message);
  const log: Log = { debug: silent, info: silent, warn, error: silent, fatal: silent, scope: () => log, level: "info" };
  return { log, warnings };
}

/** A component in a process of its own would do the same: one life of it listens on `path`. */
async function live(path: string, lives: string[], name: string): Promise<Listener> {
  const store = grpcPart(StateStore, {
    init() {
      lives.push(name);
      return {};
    },
    features: () => ({ features: [] }),
    get: () => ({ data: new TextEncoder().encode(lives.at(-1) ?? "") }),
  });
  const parts = [store, ...createReflectionParts([StateStore])];
  const handler = createGrpcServer({ parts, limits, clock: platform.clock });
  const listener = await platform.serveHttp2?.({ host: "", port: 0, path }, handler);
  assert.ok(listener);
  return listener;
}

test("a socket's services become types of component, whose instances survive a restart of it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sockets-"));
  const path = join(folder, "MyStore.sock");
  const lives: string[] = [];
  let listener = await live(path, lives, "first");
  try {
    await writeFile(join(folder, "notes.txt"), "no socket");
    const { log, warnings } = writer();
    const catalog = await discoverPluggable({ platform, folder, log });
    assert.deepEqual(Object.keys(catalog), ["state.mystore"]);
    assert.deepEqual(warnings, [`could not use socket for file ${folder}/notes.txt`]);
    const driver = await findDriver(catalog, "state.MyStore", "v1");
    assert.equal(await findDriver(catalog, "state.MyStore", "v2"), undefined);
    const store = (await driver?.open(new Map(), driverContext(platform, "one"))) as StateStoreDriver;
    const read = async () => {
      const item = await store.get({ key: "k", consistency: "", metadata: {} }, new AbortController().signal);
      return new TextDecoder().decode(item?.bytes);
    };
    assert.equal(await read(), "first");
    await listener.close(0);
    await assert.rejects(read(), { name: "DriverError", kind: "unavailable" });
    listener = await live(path, lives, "second");
    assert.equal(await read(), "second");
    assert.deepEqual(lives, ["first", "second"]);
    await store.close();
  } finally {
    await listener.close(0);
    await rm(folder, { recursive: true });
  }
});

test("no folder is the same as an empty one", async () => {
  const { log, warnings } = writer();
  assert.deepEqual(await discoverPluggable({ platform, folder: join(tmpdir(), "no-such-folder"), log }), {});
  assert.deepEqual(warnings, []);
});
