import assert from "node:assert/strict";
import { test } from "node:test";
import type { MulticastPacket } from "multicast-dns";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { nameResolverConformance } from "../../../test/conformance/nameresolution.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./mdns.ts";
import { announcementOf, answerTo, type MdnsEntry, sightingsIn } from "./records.ts";
import { Sightings } from "./sightings.ts";

const platform = await hostPlatform();

/** The networks of tests must not hear each other. */
const anyPort = (): number => 20_000 + Math.floor(Math.random() * 12_000);

nameResolverConformance(
  "nameresolution.mdns",
  async () => {
    const settings = new Map([
      ["port", String(anyPort())],
      ["interfaces", "127.0.0.1"],
    ]);
    return { open: () => driver.open(settings, driverContext(platform, "mdns")), close: async () => {} };
  },
  { unknown: /couldn't find service: / },
);

const entry: MdnsEntry = {
  appId: "myapp",
  instance: "node1:4242",
  host: "node1",
  address: "192.168.1.20",
  port: 50002,
};
const query = (name: string, more: Partial<MulticastPacket> = {}): MulticastPacket => ({
  type: "query",
  id: 0x1234,
  questions: [{ name, type: "PTR", class: "IN" }],
  ...more,
});
const brief = (packet: MulticastPacket | undefined, section: "answers" | "additionals") =>
  packet?.[section]?.map(({ name, type, ttl, flush, data }) => [type, name, ttl, flush === true, data]);
const srv = { priority: 0, weight: 0, port: 50002, target: "node1.local" };
const instance = "node1:4242.myapp.local";

test("a browse is answered as upstream answers it", () => {
  const answer = answerTo(query("myapp.local"), entry);
  assert.equal(answer?.id, 0x1234);
  assert.equal(answer?.flags, 0);
  assert.deepEqual(answer?.questions, [{ name: "myapp.local", type: "PTR", class: "IN" }]);
  assert.deepEqual(brief(answer, "answers"), [["PTR", "myapp.local", 3200, false, instance]]);
  assert.deepEqual(brief(answer, "additionals"), [
    ["SRV", instance, 3200, false, srv],
    ["TXT", instance, 3200, false, ["myapp"]],
    ["A", "node1.local", 3200, false, "192.168.1.20"],
  ]);
});

test("the bytes of a browse and of its answer are upstream's", async () => {
  const { default: packets } = (await import("dns-packet" as string)) as {
    default: { encode(packet: MulticastPacket): Uint8Array };
  };
  const hex = (packet: MulticastPacket) => Buffer.from(packets.encode(packet)).toString("hex");
  assert.equal(hex(query("myapp.local", { flags: 0 })), "123400000001000000000000056d79617070056c6f63616c00000c0001");
  const answer = hex(answerTo(query("myapp.local"), entry)!);
  assert.equal(answer.slice(0, 24), "123480000001000100000003");
  assert.equal(answer.length / 2, 196);
});

test("questions for the instance and for the list of services", () => {
  const whole = [
    ["SRV", instance, 3200, true, srv],
    ["TXT", instance, 3200, true, ["myapp"]],
    ["PTR", "myapp.local", 3200, false, instance],
    ["PTR", "_services._dns-sd._udp.local", 3200, false, "myapp.local"],
    ["A", "node1.local", 3200, true, "192.168.1.20"],
  ];
  assert.deepEqual(brief(answerTo(query(instance), entry), "answers"), whole);
  assert.deepEqual(brief(announcementOf(entry, false), "answers"), whole);
  const list = answerTo(query("_services._dns-sd._udp.local"), entry);
  assert.deepEqual(brief(list, "answers"), [["PTR", "_services._dns-sd._udp.local", 3200, false, "myapp.local"]]);
});

test("what concerns others is not answered", () => {
  assert.equal(answerTo(query("MyApp.local"), entry), undefined);
  assert.equal(answerTo(query("other.local"), entry), undefined);
  const probe = query("myapp.local", { authorities: [{ name: instance, type: "TXT", data: ["x"] }] });
  assert.equal(answerTo(probe, entry), undefined);
});

test("a packet tells of an address only when it is whole and means that app", () => {
  const all = () => true;
  const packet = answerTo(query("myapp.local"), entry)!;
  const seen = { appId: "myapp", address: "192.168.1.20:50002", family: 4, isGone: false };
  assert.deepEqual(sightingsIn(packet, all), [seen]);
  assert.deepEqual(
    sightingsIn(packet, () => false),
    [],
  );
  assert.deepEqual(
    sightingsIn(announcementOf(entry, true), all).filter(({ appId }) => appId === "myapp"),
    [{ ...seen, isGone: true }],
  );
  const six = answerTo(query("myapp.local"), { ...entry, address: "fd00::1" })!;
  assert.deepEqual(sightingsIn(six, all), [{ ...seen, address: "[fd00::1]:50002", family: 6 }]);
  for (const missing of ["SRV", "TXT", "A"]) {
    const less = { ...packet, additionals: packet.additionals?.filter(({ type }) => type !== missing) ?? [] };
    assert.deepEqual(sightingsIn(less, all), [], missing);
  }
  const foreign = packet.additionals?.map((record) =>
    record.type === "TXT" ? { ...record, data: ["other"] } : record,
  );
  assert.deepEqual(sightingsIn({ ...packet, additionals: foreign ?? [] }, all), []);
});

test("an address is believed for a minute after it was last seen, IPv4 first", async () => {
  const clock = createVirtualClock();
  const sightings = new Sightings(clock);
  assert.deepEqual(sightings.ask("a"), []);
  sightings.take({ appId: "a", address: "[fd00::1]:1", family: 6, isGone: false });
  assert.deepEqual(sightings.ask("a"), ["[fd00::1]:1"]);
  sightings.take({ appId: "a", address: "10.0.0.1:1", family: 4, isGone: false });
  assert.deepEqual(sightings.ask("a"), ["10.0.0.1:1"]);
  await clock.advance(59_000);
  sightings.take({ appId: "a", address: "[fd00::1]:1", family: 6, isGone: false });
  await clock.advance(2000);
  assert.deepEqual(sightings.ask("a"), ["[fd00::1]:1"]);
  sightings.take({ appId: "a", address: "[fd00::1]:1", family: 6, isGone: true });
  assert.deepEqual(sightings.ask("a"), []);
  assert.deepEqual(sightings.refreshable(), ["a"]);
  await clock.advance(300_001);
  assert.deepEqual(sightings.refreshable(), []);
  assert.equal(sightings.isWanted("a"), false);
});

test("an address that did not answer is forgotten, but never the last one", () => {
  const sightings = new Sightings(createVirtualClock());
  sightings.ask("a");
  for (const address of ["10.0.0.1:1", "10.0.0.2:1"]) {
    sightings.take({ appId: "a", address, family: 4, isGone: false });
  }
  sightings.drop("a", "10.0.0.1:1");
  assert.deepEqual(sightings.ask("a"), ["10.0.0.2:1"]);
  sightings.drop("a", "10.0.0.2:1");
  assert.deepEqual(sightings.ask("a"), ["10.0.0.2:1"]);
  sightings.drop("b", "10.0.0.2:1");
});
