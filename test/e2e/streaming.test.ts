import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { type AppPair, pairWays, startPair } from "../harness/app-pair.ts";
import { within } from "../harness/pillion.ts";
import { type RawApp, startRawApp } from "../harness/raw-app.ts";
import { askForWebSocket, type SocketApp, startSocketApp } from "../harness/raw-websocket.ts";

const mib = 1 << 20;
/** What may be on its way between two ends that do not read: buffers of the system and ours, at each of four sockets. */
const mostOnTheWay = 32 * mib;
/** By how much one process may grow; what it streams is a multiple of that. */
const mostGrowth = 96 * mib;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Waits for something that has to happen; the time is no measure, only the end of patience. */
async function patiently<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What the app does, and has done, by path. */
const state = { written: 0, read: 0, isHolding: false, next: () => {}, gone: () => {}, arrived: () => {} };

function writeAll(socket: Socket, total: number): void {
  const part = new Uint8Array(65_536);
  const more = (): void => {
    while (state.written < total) {
      state.written += part.length;
      if (!socket.write(part)) return;
    }
    socket.end();
  };
  socket.on("drain", more);
  more();
}

/** What each path answers; runs once, when the head is there. */
const answers: Readonly<Record<string, (socket: Socket, size: number) => void>> = {
  "/down"(socket, size) {
    socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`);
    writeAll(socket, size);
  },
  "/up"(socket, size) {
    socket.removeAllListeners("data");
    const look = (): void => {
      if (state.read >= size)
        socket.end(
          `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${String(state.read).length}\r\n\r\n${state.read}`,
        );
    };
    socket.on("data", (chunk: Uint8Array) => {
      state.read += chunk.length;
      if (state.isHolding) socket.pause();
      look();
    });
    state.next = () => socket.resume();
    look();
  },
  "/events"(socket) {
    socket.write(
      "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    const event = (text: string): void => {
      const line = `data: ${text}\n\n`;
      socket.write(`${line.length.toString(16)}\r\n${line}\r\n`);
    };
    event("first");
    state.next = () => {
      event("second");
      socket.end("0\r\n\r\n");
    };
  },
  "/hang"(socket) {
    state.arrived();
    socket.on("close", () => state.gone());
  },
  "/endless"(socket) {
    socket.write("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
    socket.on("close", () => state.gone());
  },
  "/poll"(socket) {
    setTimeout(() => socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nlate"), 1500);
  },
  // The body comes back as it comes, chunk by chunk: its framing is that of the answer.
  "/echo"(socket) {
    socket.write("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
  },
};

function serve(socket: Socket, all: string): void {
  const end = all.indexOf("\r\n\r\n");
  if (end < 0) return;
  const seen = socket as Socket & { isAnswered?: boolean };
  const path = all.split(" ")[1] ?? "";
  const body = all.slice(end + 4);
  if (path === "/echo") {
    const sent = (seen as { sent?: number }).sent ?? 0;
    if (seen.isAnswered !== true) answers["/echo"]?.(socket, 0);
    socket.write(body.slice(sent), "latin1");
    (seen as { sent?: number }).sent = body.length;
    if (body.endsWith("0\r\n\r\n")) socket.end();
  } else if (seen.isAnswered !== true) {
    const size = Number(/x-size: (\d+)/.exec(all)?.[1] ?? 0);
    const answer = answers[path];
    if (answer === undefined) socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    else {
      state.read = body.length;
      answer(socket, size);
    }
  }
  seen.isAnswered = true;
}

/** A connection to a sidecar, read by hand. */
class Client {
  readonly socket: Socket;
  text = "";
  bytes = 0;
  #keepsText = true;
  #wake = () => {};
  isOver = false;
  constructor(port: number, head: string, keepsText = true) {
    this.#keepsText = keepsText;
    this.socket = connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isOver = true;
      this.#wake();
    });
    this.socket.on("data", (chunk) => {
      this.bytes += chunk.length;
      if (this.#keepsText) this.text += chunk.toString("latin1");
      this.#wake();
    });
    this.socket.write(head);
  }
  async until(what: string, done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.isOver) throw new Error(`the connection ended before ${what}: ${this.text.slice(0, 300)}`);
      await patiently(
        20_000,
        what,
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
      );
    }
  }
}

const request = (verb: string, path: string, ...lines: string[]): string =>
  `${verb} /v1.0/invoke/callee/method${path} HTTP/1.1\r\nhost: sidecar\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;

/** Bytes to read from an answer of `size`, its head included. */
async function readSlowly(pair: AppPair, size: number, rest: (client: Client) => Promise<void>): Promise<number> {
  state.written = 0;
  const before = pair.memory();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, pair.memory());
  }, 50);
  const client = new Client(pair.httpPort, request("GET", "/down", `x-size: ${size}`), false);
  try {
    await rest(client);
    await client.until("the whole answer", () => client.bytes >= size);
  } finally {
    clearInterval(timer);
    client.socket.destroy();
  }
  return peak - before;
}

/** Sends a body of `size` as fast as it goes; the app reads as it likes. */
async function sendAll(pair: AppPair, size: number, meanwhile: (sent: () => number) => Promise<void>): Promise<number> {
  const before = pair.memory();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, pair.memory());
  }, 50);
  const client = new Client(pair.httpPort, request("POST", "/up", `content-length: ${size}`, `x-size: ${size}`));
  const part = new Uint8Array(65_536);
  let sent = 0;
  const more = (): void => {
    while (sent < size) {
      sent += part.length;
      if (!client.socket.write(part)) return;
    }
  };
  client.socket.on("drain", more);
  more();
  try {
    await meanwhile(() => sent);
    await client.until("the answer", () => client.text.endsWith(String(size)));
  } finally {
    clearInterval(timer);
    client.socket.destroy();
  }
  return peak - before;
}

/** Resolves when a figure has not changed for half a second. */
async function settled(figure: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 5; await pause(100)) {
    same = figure() === last ? same + 1 : 0;
    last = figure();
  }
}

for (const way of pairWays) {
  describe(`streams through two sidecars: ${way}`, () => {
    let app: RawApp;
    let sockets: SocketApp;
    let pair: AppPair;
    let socketPair: AppPair;
    before(async () => {
      app = await startRawApp(serve);
      sockets = await startSocketApp(async (asked) => {
        if (asked.path !== "/socket") return asked.socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        const end = await asked.accept("sec-websocket-protocol: echo");
        for (let event = await end.next(); event[0] !== "lost"; event = await end.next()) {
          if (event[0] === "close") {
            end.close(event[1] as number, event[2] as string);
            end.socket.end();
          } else if (event[0] !== "pong") end.send(event[0] === "ping" ? "pong" : event[0], event[1] as string);
        }
      });
      [pair, socketPair] = await Promise.all([
        startPair(way, { appPort: app.port, flags: { "max-body-size": "2Gi" } }),
        startPair(way, { appPort: sockets.port }),
      ]);
    });
    after(async () => {
      await Promise.all([pair?.stop(), socketPair?.stop()]);
      await Promise.all([app.close(), sockets.close()]);
    });

    test("an answer waits for a reader that stalls, and memory stays flat", async () => {
      const size = 256 * mib;
      const growth = await readSlowly(pair, size, async (client) => {
        await client.until("the beginning", () => client.bytes > 16 * mib);
        client.socket.pause();
        await settled(() => state.written);
        assert.ok(state.written - client.bytes < mostOnTheWay, `${state.written - client.bytes} bytes on the way`);
        client.socket.resume();
      });
      assert.equal(state.written, size);
      assert.ok(growth < mostGrowth * pair.pids.length, `memory grew by ${growth} bytes`);
    });

    test("a request waits for an app that stalls, and memory stays flat", async () => {
      const size = 256 * mib;
      state.isHolding = true;
      const growth = await sendAll(pair, size, async (sent) => {
        await settled(sent);
        assert.ok(sent() - state.read < mostOnTheWay, `${sent() - state.read} bytes on the way`);
        state.isHolding = false;
        state.next();
      });
      assert.equal(state.read, size);
      assert.ok(growth < mostGrowth * pair.pids.length, `memory grew by ${growth} bytes`);
    });

    const isLong = process.env["PILLION_LONG_STREAMS"] === "1";
    const why = "1 GiB each way, read at 1 MB/s, takes 35 minutes: PILLION_LONG_STREAMS=1 runs it";
    test("1 GiB each way with a reader at 1 MB/s", { skip: isLong ? false : why, timeout: 3_000_000 }, async () => {
      const size = 1024 * mib;
      const down = await readSlowly(pair, size, async (client) => {
        const start = Date.now();
        while (client.bytes < size) {
          client.socket.pause();
          await pause(Math.max(1, client.bytes / 1000 - (Date.now() - start)));
          client.socket.resume();
          await pause(1);
        }
      });
      assert.ok(down < mostGrowth * pair.pids.length, `memory grew by ${down} bytes`);
      state.isHolding = true;
      const start = Date.now();
      const up = await sendAll(pair, size, async () => {
        while (state.read < size) {
          await pause(Math.max(1, state.read / 1000 - (Date.now() - start)));
          state.next();
        }
      });
      state.isHolding = false;
      assert.ok(up < mostGrowth * pair.pids.length, `memory grew by ${up} bytes`);
    });

    test("an event arrives before the next one is made", async () => {
      const client = new Client(pair.httpPort, request("GET", "/events", "accept: text/event-stream"));
      await client.until("the first event", () => client.text.includes("data: first"));
      assert.match(client.text, /^HTTP\/1\.1 200 [\s\S]*content-type: text\/event-stream/i);
      assert.ok(!client.text.includes("second"));
      state.next();
      await client.until("the end", () => client.text.endsWith("0\r\n\r\n"));
      assert.match(client.text, /data: second/);
      client.socket.destroy();
    });

    for (const path of ["/hang", "/endless"]) {
      test(`a client that leaves ends the app's request: ${path}`, async () => {
        let isGone = false;
        state.gone = () => {
          isGone = true;
        };
        const arrived = new Promise<void>((resolve) => {
          state.arrived = resolve;
        });
        const client = new Client(pair.httpPort, request("GET", path));
        if (path === "/hang") await patiently(20_000, "the request", arrived);
        else await client.until("the first part", () => client.text.includes("one"));
        client.socket.destroy();
        assert.ok(await within(1000, () => isGone), "the app's request did not end");
      });
    }

    test("an answer may take its time", async () => {
      const client = new Client(pair.httpPort, request("GET", "/poll"));
      await client.until("the answer", () => client.text.endsWith("late"));
      client.socket.destroy();
    });

    test("both sides may send at once, part by part", async () => {
      const client = new Client(pair.httpPort, request("POST", "/echo", "transfer-encoding: chunked"));
      for (const part of ["one", "two", "three"]) {
        client.socket.write(`${part.length.toString(16)}\r\n${part}\r\n`);
        await client.until(`the echo of "${part}"`, () => client.text.includes(part));
      }
      client.socket.write("0\r\n\r\n");
      await client.until("the end", () => client.text.endsWith("0\r\n\r\n"));
      client.socket.destroy();
    });

    test("a WebSocket", async () => {
      const asked = await askForWebSocket(socketPair.httpPort, "/v1.0/invoke/callee/method/socket", {
        "sec-websocket-protocol": "other, echo",
      });
      assert.equal(asked.status, 101, await asked.body);
      assert.equal(asked.headers["sec-websocket-protocol"], "echo");
      const { end } = asked;
      assert.ok(end !== undefined);
      end.send("text", "hello €");
      assert.deepEqual(await end.next(), ["text", "hello €"]);
      const large = new Uint8Array(3 * mib).fill(7);
      end.send("binary", large);
      assert.deepEqual(await end.next(), ["binary", large]);
      end.send("ping", "p");
      assert.deepEqual(await end.next(), ["pong", "p"]);
      end.close(4002, "done");
      assert.deepEqual(await end.next(), ["close", 4002, "done"]);
      end.socket.destroy();
    });

    test("many WebSockets at once", async () => {
      const all = await Promise.all(
        Array.from({ length: 50 }, () =>
          askForWebSocket(socketPair.httpPort, "/socket", {
            "dapr-app-id": "callee",
            "sec-websocket-protocol": "echo",
          }),
        ),
      );
      await Promise.all(
        all.map(async ({ end }, index) => {
          for (let round = 0; round < 20; round++) {
            end?.send("text", `${index}.${round}`);
            assert.deepEqual(await end?.next(), ["text", `${index}.${round}`]);
          }
          end?.socket.destroy();
        }),
      );
    });
  });
}
