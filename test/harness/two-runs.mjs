import { spawn, spawnSync } from "node:child_process";

// Two `pillion run` of one data folder that call each other and pass events on; run where there is no multicast.
const [executable, node, app, dataDir] = process.argv.slice(2);
const until = async (what, look) => {
  for (const end = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited 30 s for ${what}`);
  }
};
const pillion = (...args) => spawnSync(executable, [...args, "--data-dir", dataDir], { encoding: "utf8" });

const runs = ["one", "two"].map((id, index) => {
  const args = ["run", "--data-dir", dataDir, "--app-id", id, "--app-port", String(7100 + index), "--", node, app];
  const child = spawn(executable, args, { env: { ...process.env, TOPIC: "news" } });
  const run = { id, child, output: "", ended: new Promise((resolve) => child.on("close", resolve)) };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (run.output += chunk));
  return run;
});
try {
  const urls = {};
  for (const { id } of runs) {
    urls[id] = await until(`${id} to be ready`, async () => {
      const found = JSON.parse(pillion("list", "-o", "json").stdout).find((listed) => listed.appId === id);
      if (found === undefined) return undefined;
      const url = `http://127.0.0.1:${found.httpPort}`;
      return (await fetch(`${url}/v1.0/healthz`).catch(() => undefined))?.status === 204 ? url : undefined;
    });
  }
  for (const [from, to] of [
    ["one", "two"],
    ["two", "one"],
  ]) {
    const answer = await fetch(`${urls[from]}/v1.0/invoke/${to}/method/hello`);
    console.log(`invoke ${from} ${to} ${answer.status} ${(await answer.json()).app}`);
    const header = await fetch(`${urls[from]}/hello`, { headers: { "dapr-app-id": to } });
    console.log(`header ${from} ${to} ${header.status} ${(await header.json()).app}`);
    const published = await fetch(`${urls[from]}/v1.0/publish/pubsub/news`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ from }),
    });
    console.log(`publish ${from} ${published.status}`);
    for (const run of runs) {
      await until(`the event of ${from} at ${run.id}`, () => run.output.includes(`event {"from":"${from}"}`));
    }
    console.log(`event ${from} everywhere`);
  }
} catch (error) {
  console.log(String(error), ...runs.map((run) => run.output));
} finally {
  for (const { child, ended } of runs) {
    child.kill("SIGINT");
    await ended;
  }
}
