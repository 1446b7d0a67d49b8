import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { createStreamPair } from "../../../test/harness/stream-pair.ts";
import { createGrpcClient } from "../../channel/grpc/client.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection, type ServerReflectionRequestSchema } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createHealthPart } from "./health.ts";
import type { GrpcPart } from "./part.ts";
import { createReflectionParts } from "./reflection.ts";
import { createGrpcServer } from "./server.ts";

function connect(parts: readonly GrpcPart[]) {
  const clock = createVirtualClock();
  const limits = { maxReceiveBytes: 1 << 22, maxSendBytes: 1 << 22 };
  const client = createStreamPair(createGrpcServer({ parts, clock, limits }));
  return createGrpcClient({ client, clock, target: "", ...limits });
}

describe("reflection", () => {
  type Ask = MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"];
  const client = connect(createReflectionParts([Dapr]));
  const ask = async (...requests: Ask[]) => {
    const source = async function* () {
      for (const messageRequest of requests) yield { host: "h", messageRequest };
    };
    const answers = [];
    for await (const answer of client.bidi(ServerReflection.method.serverReflectionInfo, source()).messages) {
      assert.equal(answer.validHost, "h");
      answers.push(answer.messageResponse);
    }
    return answers;
  };
  const files = async (messageRequest: Ask) => {
    const [answer] = await ask(messageRequest);
    if (answer?.case !== "fileDescriptorResponse") return answer?.case;
    return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
  };

  it("lists the services in both versions", async () => {
    const names = [
      "dapr.proto.runtime.v1.Dapr",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ];
    const [answer] = await ask({ case: "listServices", value: "" });
    assert.ok(answer?.case === "listServicesResponse");
    assert.deepEqual(
      answer.value.service.map(({ name }) => name),
      names,
    );
    const source = async function* () {
      yield { messageRequest: { case: "listServices" as const, value: "" } };
    };
    for await (const alpha of client.bidi(ServerReflectionAlpha.method.serverReflectionInfo, source()).messages) {
      assert.ok(alpha.messageResponse.case === "listServicesResponse");
      assert.equal(alpha.messageResponse.value.service.length, names.length);
    }
  });

  it("finds files by name and by symbol, with what they import", async () => {
    const whole = await files({ case: "fileContainingSymbol", value: "dapr.proto.runtime.v1.Dapr" });
    assert.ok(Array.isArray(whole));
    assert.equal(whole[0], "dapr/proto/runtime/v1/dapr.proto");
    assert.ok(whole.includes("google/protobuf/any.proto"));
    assert.equal(new Set(whole).size, whole.length);
    for (const value of [
      "dapr.proto.runtime.v1.Dapr.GetState",
      "dapr.proto.runtime.v1.GetStateRequest",
      "dapr.proto.runtime.v1.GetStateRequest.store_name",
    ]) {
      const found = await files({ case: "fileContainingSymbol", value });
      assert.ok(Array.isArray(found) && found[0]?.startsWith("dapr/proto/runtime/v1/"), value);
    }
    const byName = await files({ case: "fileByFilename", value: "dapr/proto/runtime/v1/state.proto" });
    assert.equal(byName?.[0], "dapr/proto/runtime/v1/state.proto");
  });

  it("does not send an import twice on one stream", async () => {
    const [first, second] = await ask(
      { case: "fileContainingSymbol", value: "dapr.proto.runtime.v1.Dapr" },
      { case: "fileContainingSymbol", value: "dapr.proto.runtime.v1.GetStateRequest" },
    );
    assert.ok(first?.case === "fileDescriptorResponse" && second?.case === "fileDescriptorResponse");
    assert.ok(first.value.fileDescriptorProto.length > 1);
    assert.equal(second.value.fileDescriptorProto.length, 1);
  });

  it("answers NOT_FOUND within the stream", async () => {
    const answers = await ask(
      { case: "fileByFilename", value: "no.proto" },
      { case: "fileContainingSymbol", value: "no.Symbol" },
      { case: "fileContainingExtension", value: { containingType: "no.Type", extensionNumber: 1 } },
      { case: "allExtensionNumbersOfType", value: "no.Type" },
    );
    for (const answer of answers) {
      assert.ok(answer.case === "errorResponse");
      assert.equal(answer.value.errorCode, Code.NotFound);
    }
    assert.equal(answers.length, 4);
  });
});

describe("health", () => {
  function createSource() {
    let serving = true;
    const listeners = new Set<() => void>();
    return {
      services: ["a.B"],
      isServing: () => serving,
      watch(changed: () => void) {
        listeners.add(changed);
        return () => void listeners.delete(changed);
      },
      set(value: boolean) {
        serving = value;
        for (const listener of listeners) listener();
      },
      listeners,
    };
  }

  it("answers for the server and for each service", async () => {
    const source = createSource();
    const client = connect([createHealthPart(source)]);
    const check = async (service: string) => (await client.unary(Health.method.check, { service })).message.status;
    assert.deepEqual([await check(""), await check("a.B")], [Status.SERVING, Status.SERVING]);
    source.set(false);
    assert.equal(await check("a.B"), Status.NOT_SERVING);
    await assert.rejects(check("no.Service"), (error) => error instanceof ConnectError && error.code === Code.NotFound);
    const { statuses } = (await client.unary(Health.method.list, {})).message;
    assert.deepEqual(Object.keys(statuses), ["", "a.B"]);
  });

  it("streams changes until the client leaves", async () => {
    const source = createSource();
    const client = connect([createHealthPart(source)]);
    const seen: Status[] = [];
    for await (const { status } of client.serverStream(Health.method.watch, { service: "" }).messages) {
      seen.push(status);
      if (seen.length === 3) break;
      source.set(seen.length !== 1);
    }
    assert.deepEqual(seen, [Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
    for (let turn = 0; turn < 100 && source.listeners.size > 0; turn++) await undefined;
    assert.equal(source.listeners.size, 0);
  });
});
