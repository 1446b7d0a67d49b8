import { spawn } from "node:child_process";
import { createServer } from "node:http";

// An app for tests of the command line. What it does beside answering comes from its environment.
const { env } = process;
const say = (line) => console.log(line);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    say(`received ${signal}`);
    if (env.ON_SIGNAL === "ignore") return;
    if (env.ON_SIGNAL === "ask") {
      const answer = await fetch(`http://127.0.0.1:${env.DAPR_HTTP_PORT}/v1.0/healthz`);
      say(`runtime still answers ${answer.status}`);
    }
    process.exit(0);
  });
}

say(`started ${env.APP_ID}`);
if (env.SHOW_ENV) {
  const names = Object.keys(env).filter((name) => /^(?:APP|DAPR)_/.test(name));
  say(
    `env ${names
      .sort()
      .map((name) => `${name}=${env[name]}`)
      .join(" ")}`,
  );
}
if (env.GRANDCHILD) {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  say(`pids ${process.pid} ${child.pid}`);
}
if (env.EXIT_CODE) process.exit(Number(env.EXIT_CODE));

const topics = env.TOPIC ? [{ pubsubname: "pubsub", topic: env.TOPIC, route: "/events" }] : [];
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString();
    if (request.url === "/events") say(`event ${JSON.stringify(JSON.parse(body).data)}`);
    const answer =
      request.url === "/dapr/subscribe" ? topics : { app: env.APP_ID, url: request.url, body, pid: process.pid };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer));
  });
});
if (env.APP_PORT) server.listen(Number(env.APP_PORT), "127.0.0.1", () => say("listening"));
else setInterval(() => undefined, 60_000);
