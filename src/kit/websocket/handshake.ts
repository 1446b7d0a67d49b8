import { encodeBase64 } from "../base64.ts";
import { encodeUtf8 } from "../bytes.ts";

const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** True for a request that asks for a WebSocket (RFC 6455, 4.2.1), whatever its version. */
export function asksForWebSocket(method: string, headers: Pick<Headers, "get">): boolean {
  if (method !== "GET") return false;
  const upgrade = headers.get("upgrade");
  return upgrade !== null && listed(upgrade, "websocket") && listed(headers.get("connection") ?? "", "upgrade");
}

/** What a server answers to a client's `sec-websocket-key`. */
export async function acceptKey(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", encodeUtf8(key + magic) as Uint8Array<ArrayBuffer>);
  return encodeBase64(new Uint8Array(digest));
}

/** True when a comma list holds a word, whatever its case. */
export function listed(list: string, word: string): boolean {
  return list.split(",").some((item) => item.trim().toLowerCase() === word);
}
