import { concatBytes } from "../../kit/bytes.ts";
import type { HttpReply } from "../../kit/http-message.ts";

const nothing = new Uint8Array();

/** The whole body of an app's answer. */
export async function readReply({ body }: HttpReply): Promise<Uint8Array> {
  if (body === null) return nothing;
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concatBytes(chunks);
    chunks.push(value);
  }
}
