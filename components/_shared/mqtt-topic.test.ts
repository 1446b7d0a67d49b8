import assert from "node:assert/strict";
import { test } from "node:test";
import { readMqttAddress } from "./mqtt-address.ts";
import { matchesTopic } from "./mqtt-topic.ts";

test("filters match as the broker's do", () => {
  for (const [filter, matching, others] of [
    ["a/b", ["a/b"], ["a", "a/b/c", "A/b", "a/", "/a/b"]],
    ["a/+", ["a/b", "a/"], ["a", "ab", "a/b/c"]],
    ["+", ["a", ""], ["a/b", "/"]],
    ["+/+", ["a/b", "/b", "/"], ["a", "a/b/c"]],
    ["a/#", ["a", "a/b", "a/b/c", "a/"], ["ab/c", "b"]],
    ["#", ["a", "a/b", "/"], []],
    ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/d"]],
    ["a+", ["a+"], ["ab"]],
    ["$share/g/a/+", ["a/b"], ["$share/g/a/b", "b/a"]],
    ["$share/g", ["$share/g"], ["g"]],
  ] as const) {
    for (const topic of matching) assert.ok(matchesTopic(filter, topic), `${filter} matches ${topic}`);
    for (const topic of others) assert.ok(!matchesTopic(filter, topic), `${filter} does not match ${topic}`);
  }
});

test("addresses of brokers", () => {
  for (const [url, wanted] of [
    ["tcp://h:1", { transport: "tcp", isSecure: false, host: "h", port: 1 }],
    ["mqtt://h", { transport: "tcp", isSecure: false, host: "h", port: 1883 }],
    ["MQTTS://h", { transport: "tcp", isSecure: true, host: "h", port: 8883 }],
    ["tls://[::1]:9", { transport: "tcp", isSecure: true, host: "::1", port: 9 }],
    ["tcp://h:80", { transport: "tcp", isSecure: false, host: "h", port: 80 }],
    ["ws://h/mqtt", { transport: "ws", isSecure: false, host: "h", port: 80, path: "/mqtt" }],
    ["wss://h", { transport: "ws", isSecure: true, host: "h", port: 443, path: "/" }],
    ["tcp://us%40er:p%3Aw@h:1?x=1", { host: "h", port: 1, username: "us@er", password: "p:w" }],
  ] as const) {
    const address = readMqttAddress(url);
    for (const [name, value] of Object.entries(wanted))
      assert.equal(address[name as keyof typeof address], value, `${name} of ${url}`);
    assert.ok(!address.text.includes("p:w"));
  }
  for (const url of ["h:1883", "http://h", "tcp://", "tcp://a%zz@h:1", ""])
    assert.throws(() => readMqttAddress(url), { kind: "badMetadata", message: /^property "url" / }, url);
});
