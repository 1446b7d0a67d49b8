import { connect } from "node:net";

// Sends a request of 1 GiB to a URL whose answer is the number of bytes: `bun bench/echo/stream-writer.ts URL`.
const { hostname, port, pathname } = new URL(process.argv[2] ?? "");
const size = 2 ** 30;
const chunk = new Uint8Array(65_536);
const socket = connect({ host: hostname, port: Number(port) });
let left = size;
let answer = "";

const send = () => {
  while (left > 0) {
    left -= chunk.length;
    if (!socket.write(chunk)) return;
  }
};
socket.on("connect", () => {
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    `content-length: ${size}`,
    "connection: close",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  send();
});
socket.on("drain", send);
socket.on("data", (data: Uint8Array) => {
  answer += new TextDecoder().decode(data);
  if (answer.includes(String(size))) process.exit(0);
});
socket.on("close", () => {
  throw new Error(`"${pathname}" took the body and answered "${answer.slice(0, 500)}"`);
});
