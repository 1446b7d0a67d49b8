import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

// The least that a durable server does: it answers each request when a block for it is in a file and the file is synced. A thread of
// its own writes and syncs, as no server can stop for that; what arrives meanwhile shares the next sync. No routes, no parsing but of
// the length, no database. Usage: bun bench/echo/durable.ts FILE; the first line printed is the port.

const block = Buffer.alloc(4096, 97);
/** The blocks are there before, so that a sync has no metadata to write. */
const blocks = 256;

function openFile(file: string): number {
  const fd = openSync(file, "w+");
  for (let at = 0; at < blocks; at++) writeSync(fd, block, 0, block.length, at * block.length);
  fsyncSync(fd);
  return fd;
}

function serveDisk(port: NonNullable<typeof parentPort>): void {
  const fd = openFile(String(workerData));
  let next = 0;
  port.on("message", (count: number) => {
    for (let written = 0; written < count; written++, next = (next + 1) % blocks)
      writeSync(fd, block, 0, block.length, next * block.length);
    fdatasyncSync(fd);
    port.postMessage(count);
  });
  port.on("close", () => closeSync(fd));
  port.postMessage(0);
}

const answer = Buffer.from("HTTP/1.1 204 No Content\r\n\r\n");
interface Progress {
  got: number;
  need: number;
}

function serve(worker: Worker): void {
  let waiting: { write(bytes: Uint8Array): unknown }[] = [];
  let syncing: typeof waiting = [];
  const sync = (): void => {
    if (syncing.length > 0 || waiting.length === 0) return;
    [syncing, waiting] = [waiting, syncing];
    worker.postMessage(syncing.length);
  };
  worker.on("message", () => {
    const done = syncing;
    syncing = [];
    sync();
    for (const socket of done) socket.write(answer);
  });
  const { port } = Bun.listen<Progress>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { got: 0, need: 0 };
      },
      data(socket, bytes) {
        const { data } = socket;
        if (data.got === 0) {
          const end = bytes.indexOf("\r\n\r\n") + 4;
          data.need = end + Number(/content-length: (\d+)/i.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0);
        }
        data.got += bytes.length;
        if (data.got < data.need) return;
        data.got = 0;
        waiting.push(socket);
        queueMicrotask(sync);
      },
    },
  });
  console.log(port);
}

if (!isMainThread && parentPort !== null) serveDisk(parentPort);
else {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error("Starting the durable echo failed: name the file that it may write");
  const worker = new Worker(new URL(import.meta.url), { workerData: file });
  worker.once("message", () => serve(worker));
}
