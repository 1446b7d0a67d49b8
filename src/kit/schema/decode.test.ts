import assert from "node:assert/strict";
import { test } from "node:test";
import { m } from "./codecs.ts";
import { decodeMetadata, MetadataError, unknownProperties } from "./decode.ts";

const schema = {
  host: m.text().required(),
  password: m.secret(),
  tls: m.flag().default(false),
  db: m.integer().default(0),
  ratio: m.number(),
  ttl: m.seconds().alias("ttlInSeconds", "expiry"),
  wait: m.duration().default(1500),
  size: m.bytes(),
  mode: m.choice("Fast", "safe").default("safe"),
  topics: m.list(),
  extra: m.json(),
};

function decode(values: Record<string, string>) {
  return decodeMetadata(schema, new Map(Object.entries(values)));
}

test("every kind is read from text, names in any case, aliases after the name", () => {
  const decoded = decode({
    HOST: "a:1",
    Password: "p",
    tls: " Yes ",
    db: "-3",
    ratio: "1.5",
    TTLINSECONDS: "2m",
    wait: "20",
    size: "4Ki",
    mode: "FAST",
    topics: "a, b",
    extra: '{"x":[1]}',
  });
  assert.deepEqual(decoded, {
    host: "a:1",
    password: "p",
    tls: true,
    db: -3,
    ratio: 1.5,
    ttl: 120,
    wait: 20_000,
    size: 4096,
    mode: "Fast",
    topics: ["a", "b"],
    extra: { x: [1] },
  });
  assert.equal(decode({ host: "h", ttl: "1s", expiry: "9s" }).ttl, 1);
});

test("what is absent or blank gets the default", () => {
  const decoded = decode({ host: "h", db: "", wait: " ", password: "" });
  assert.equal(decoded.db, 0);
  assert.equal(decoded.wait, 1500);
  assert.equal(decoded.password, "");
  assert.equal(decoded.ratio, undefined);
  assert.equal(decoded.mode, "safe");
});

test("types follow the schema", () => {
  const decoded = decode({ host: "h" });
  const host: string = decoded.host;
  const mode: "Fast" | "safe" = decoded.mode;
  const ttl: number | undefined = decoded.ttl;
  assert.deepEqual([host, mode, ttl], ["h", "safe", undefined]);
});

test("errors name the property and never show a secret", () => {
  const cases: [Record<string, string>, string][] = [
    [{}, 'required property "host" is missing'],
    [{ host: " " }, 'required property "host" is missing'],
    [{ host: "h", db: "1.5" }, 'property "db": "1.5" is not a whole number'],
    [{ host: "h", ratio: "x" }, 'property "ratio": "x" is not a number'],
    [
      { host: "h", ttl: "5 s" },
      'property "ttl": "5 s" is not a duration, write for example 20s, 1m30s or a number of seconds',
    ],
    [
      { host: "h", size: "4X" },
      'property "size": cannot read "4X" as a quantity, write for example 4Mi, 512Ki or 1000',
    ],
    [{ host: "h", mode: "slow" }, 'property "mode": "slow" is none of Fast, safe'],
    [{ host: "h", extra: "{" }, 'property "extra": "{" is not JSON'],
    [{ host: "h", Host: "h" }, 'property "Host" is given more than once'],
  ];
  for (const [values, message] of cases) {
    assert.throws(
      () => decode(values),
      (error) => error instanceof MetadataError && error.message === message,
      message,
    );
  }
  const own = { connectionString: m.text().required("missing connection string") };
  assert.throws(() => decodeMetadata(own, new Map()), { message: "missing connection string" });
});

test("a changed field leaves the first one alone", () => {
  const base = m.text();
  const changed = base.required().alias("b").help("text");
  assert.equal(base.isRequired, false);
  assert.deepEqual(base.aliases, []);
  assert.equal(changed.isRequired, true);
  assert.equal(changed.text, "text");
  assert.ok(Object.isFrozen(changed));
});

test("unknown properties are those that no name or alias answers to", () => {
  assert.deepEqual(unknownProperties(schema, ["HOST", "Expiry", "hosst"]), ["hosst"]);
});
