import assert from "node:assert/strict";
import { test } from "node:test";
import { webResponse } from "../../api/http/answer.ts";
import type { MessageBody } from "../../kit/http-message.ts";
import { httpAnswer } from "./http-answer.ts";

const answer = async (code: number, body: MessageBody) => {
  const reply = {
    code,
    message: "",
    headers: [["x-kind", "odd"]],
    contentType: "text/x",
    typeUrl: "",
    details: [],
    body,
  };
  const response = webResponse(await httpAnswer(reply as never, false, false));
  return [response.status, response.headers.get("x-kind"), response.headers.get("content-type"), await response.text()];
};
const stream = (text: string) => new Response(text).body as ReadableStream<Uint8Array>;

test("an app's status is answered as it is, whether HTTP knows it or not, with its body", async () => {
  for (const code of [200, 205, 418, 599, 600, 999]) {
    assert.deepEqual(await answer(code, new TextEncoder().encode("whole")), [code, "odd", "text/x", "whole"]);
    assert.deepEqual(await answer(code, stream("streamed")), [code, "odd", "text/x", "streamed"]);
  }
  assert.deepEqual(await answer(204, stream("nothing")), [204, "odd", "text/x", ""]);
});

test("a status before an answer is none", async () => {
  await assert.rejects(answer(199, null), /the app answered with status 199, which is no end of an answer/);
});
