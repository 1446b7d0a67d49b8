import { connect } from "node:net";

/** Asks a NATS server from outside, plainly: for streams that tests need and for what is in them. */
export interface NatsAdmin {
  /** Asks JetStream's API and gives its answer; rejects when it refuses. */
  ask(name: string, body?: object): Promise<Record<string, unknown>>;
  /** Sends bytes to a subject, with headers if some are given. */
  publish(subject: string, data: string, headers?: Readonly<Record<string, string>>): Promise<void>;
  /** A message of a stream by its number: headers and data as text. */
  message(stream: string, sequence: number): Promise<{ readonly headers: string; readonly data: string }>;
  close(): void;
}

/** Connects to `host:port`, with the user and password if there are some. */
export function natsAdmin(address: string, login: { user?: string; pass?: string } = {}): NatsAdmin {
  const [host, port] = address.split(":");
  const socket = connect({ host: host as string, port: Number(port) });
  socket.on("error", () => {});
  const waiting = new Map<string, (payload: string) => void>();
  const pongs: (() => void)[] = [];
  let text = "";
  let last = 0;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    text += chunk;
    for (;;) {
      const end = text.indexOf("\r\n");
      if (end < 0) return;
      const line = text.slice(0, end);
      const found = /^MSG (\S+) \d+ (?:\S+ )?(\d+)$|^HMSG (\S+) \d+ (?:\S+ )?\d+ (\d+)$/.exec(line);
      const size = Number(found?.[2] ?? found?.[4] ?? -2);
      if (text.length < end + 2 + size + 2) return;
      if (found !== null) waiting.get(found[1] ?? found[3] ?? "")?.(text.slice(end + 2, end + 2 + size));
      else if (line === "PONG") pongs.shift()?.();
      else if (line === "PING") socket.write("PONG\r\n");
      text = text.slice(end + 2 + size + 2);
    }
  });
  socket.write(`CONNECT ${JSON.stringify({ verbose: false, headers: true, ...login })}\r\nSUB _admin.* 1\r\n`);

  const request = (subject: string, body: string): Promise<string> =>
    new Promise((resolve) => {
      const inbox = `_admin.${last++}`;
      waiting.set(inbox, (payload) => {
        waiting.delete(inbox);
        resolve(payload);
      });
      socket.write(`PUB ${subject} ${inbox} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
    });
  const ask = async (name: string, body: object = {}): Promise<Record<string, unknown>> => {
    const answer = JSON.parse(await request(`$JS.API.${name}`, JSON.stringify(body))) as Record<string, unknown>;
    const refused = JSON.stringify(answer["error"]) ?? "";
    // Servers of version 2.9 say this when they still write to the folder of what they have deleted.
    const isGone = name.includes(".DELETE.") && refused.includes("directory not empty");
    if (refused !== "" && !isGone) throw new Error(`${name}: ${refused}`);
    return answer;
  };

  return {
    ask,
    async publish(subject, data, headers) {
      const size = Buffer.byteLength(data);
      if (headers === undefined) socket.write(`PUB ${subject} ${size}\r\n${data}\r\n`);
      else {
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        const head = `NATS/1.0\r\n${lines.join("")}\r\n`;
        socket.write(`HPUB ${subject} ${head.length} ${head.length + size}\r\n${head}${data}\r\n`);
      }
      await new Promise<void>((resolve) => {
        pongs.push(resolve);
        socket.write("PING\r\n");
      });
    },
    async message(stream, sequence) {
      const { message } = await ask(`STREAM.MSG.GET.${stream}`, { seq: sequence });
      const { hdrs = "", data = "" } = message as { hdrs?: string; data?: string };
      return { headers: atob(hdrs), data: atob(data) };
    },
    close: () => void socket.destroy(),
  };
}
