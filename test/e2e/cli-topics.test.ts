import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../scripts/free-ports.ts";
import { appScript, node, pillion, startRun, until } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

interface ListedTopic {
  readonly name: string;
  readonly messages: number;
  readonly groups: readonly { readonly name: string; readonly backlog: number; readonly consumers: number }[];
}

const list = (dataDir: string): readonly ListedTopic[] =>
  JSON.parse(pillion(["topics", "--json"], { dataDir }).stdout) as ListedTopic[];

test("topics are shown while apps run and while none does; what is done from outside reaches running apps", async () => {
  const dataDir = join(temporaryFolder().path, "data");
  const [port = 0] = await freePorts(1);
  const args = ["--app-id", "shop", "-p", String(port), "--", node, appScript];
  {
    using run = startRun(args, { dataDir, env: { TOPIC: "orders" } });
    await run.ready("shop");
    const group = await until("the subscription", () =>
      list(dataDir)[0]?.groups.find(({ consumers }) => consumers === 1),
    );
    assert.equal(group.name, "shop");
    const inUse = pillion(["topics", "remove-group", "orders", "--group", "shop"], { dataDir });
    assert.match(inUse.stderr, /group "shop" of topic "orders" has subscribers; stop them first/);
    assert.equal(await run.stop(), 0);
  }
  const [stopped] = list(dataDir)[0]?.groups ?? [];
  assert.deepEqual([stopped?.backlog, stopped?.consumers], [0, 0]);
  {
    using publisher = startRun(["--app-id", "till"], { dataDir });
    const url = await publisher.ready("till");
    const publish = (topic: string, query = "") =>
      fetch(`${url}/v1.0/publish/pubsub/${topic}${query}`, { method: "POST", body: `"${topic}"` });
    assert.equal((await publish("orders")).status, 204);
    assert.equal((await publish("later", "?metadata.deliverAfter=1h")).status, 204);
    assert.equal((await publish("later", "?metadata.deliverAfter=soon")).status, 400);
    assert.equal(await publisher.stop(), 0);
  }
  assert.equal(list(dataDir).find(({ name }) => name === "orders")?.groups[0]?.backlog, 1);
  assert.match(pillion(["topics"], { dataDir }).stdout, /^TOPIC +MESSAGES +SIZE .*\n(?:.*\n)*orders +1 /);
  using again = startRun(args, { dataDir, env: { TOPIC: "orders" } });
  await again.printed("event");
  const replayed = pillion(["topics", "replay", "orders", "--group", "shop", "--from", "0"], { dataDir });
  assert.match(replayed.stdout, /^\d+ messages? of orders will be delivered to shop again\.\n$/);
  assert.deepEqual(JSON.parse(pillion(["topics", "purge", "later", "--json"], { dataDir }).stdout), { removed: 1 });
  assert.equal(await again.stop(), 0);
});

test("what topics cannot do is said, with what to do", () => {
  const { path } = temporaryFolder();
  const nothing = pillion(["topics"], { dataDir: path });
  assert.deepEqual([nothing.code, nothing.stdout], [1, ""]);
  assert.match(nothing.stderr, /there is no broker at .*pillion\.db; name its file with --path/);
  for (const [args, text] of [
    [["lits"], /topics has no action "lits", did you mean "list"\?/],
    [["replay", "orders"], /replay needs the consumer group, give --group/],
    [["replay", "orders", "-g", "shop", "--from", "soon"], /--from wants an offset, a time/],
    [["purge"], /purge needs the name of a topic/],
    [["list", "orders"], /unexpected argument "orders"/],
  ] as const) {
    const refused = pillion(["topics", ...args], { dataDir: path });
    assert.equal(refused.code, 2, args.join(" "));
    assert.match(refused.stderr, text);
  }
});
