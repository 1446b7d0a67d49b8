import { connect } from "node:net";

/** An answer byte for byte (Latin-1), with its parts. */
export interface RawAnswer {
  readonly status: number;
  /** Field lines as sent, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body with its chunked coding taken off. */
  readonly body: string;
}

/** Sends a request by hand and reads to the end of the connection; the request has to ask for that with `connection: close`. */
export function sendRaw(port: number, request: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let all = "";
    socket.on("error", reject);
    socket.on("data", (data) => {
      all += data.toString("latin1");
    });
    socket.on("close", () => {
      const cut = all.indexOf("\r\n\r\n");
      if (cut < 0) return reject(new Error(`reading an answer failed: it was "${all}"`));
      const [line = "", ...fields] = all.slice(0, cut).split("\r\n");
      const headers = fields.map((field) => {
        const colon = field.indexOf(":");
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
      });
      const isChunked = headers.some(([name, value]) => name === "transfer-encoding" && value === "chunked");
      const body = all.slice(cut + 4);
      resolve({ status: Number(line.split(" ")[1]), headers, body: isChunked ? unchunk(body) : body });
    });
    socket.write(request, "latin1");
  });
}

function unchunk(text: string): string {
  let body = "";
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (!(size > 0)) break;
    body += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
  return body;
}
