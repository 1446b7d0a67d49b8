import assert from "node:assert/strict";
import { test } from "node:test";
import { runSoak } from "../../scripts/soak/run.ts";
import { judgeCalls, readRetries, slopePerMinute } from "../../scripts/soak/verdict.ts";
import { executable } from "../harness/daprd-process.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

test("20 seconds of calls through relays that do harm, with restarts", async () => {
  const lines: string[] = [];
  const verdict = await runSoak({
    executable,
    folder: temporaryFolder().path,
    seed: 20,
    seconds: 20,
    rate: 30,
    say: (line) => void lines.push(line),
  });
  assert.deepEqual(verdict.faults, []);
  assert.equal(verdict.calls.ok + verdict.calls.failed, 600);
  assert.ok(verdict.calls.ok > 300, `${verdict.calls.ok} of 600 calls were answered`);
  assert.ok(verdict.restarts > 0 && /[1-9]\d* × cut/.test(verdict.harm), verdict.harm);
});

test("what the soak counts as a fault", () => {
  const call = { id: "a", kind: "post", started: 0, ended: 10, detail: "" } as const;
  const written = (times: number) => Array.from({ length: times }, (_, at) => ({ id: "a", at }));
  const faults = (outcome: "ok" | "failed" | "hung" | "wrong", times: number, retries = 0) =>
    judgeCalls([{ ...call, outcome }], written(times), new Map([["a", retries]])).length;
  assert.equal(faults("ok", 1), 0);
  assert.equal(faults("ok", 0), 1);
  assert.equal(faults("failed", 0), 0);
  assert.equal(faults("failed", 1), 0);
  assert.equal(faults("ok", 2, 1), 0);
  assert.equal(faults("ok", 2), 1);
  assert.equal(faults("ok", 3, 1), 1);
  assert.equal(faults("hung", 0), 1);
  assert.equal(faults("wrong", 1), 1);
  assert.equal(judgeCalls([{ ...call, outcome: "ok" }], written(2), new Map([["b", 1]])).length, 1);
  const line = (id: string) => `msg="Error processing operation endpoint[one, one:record/${id}]. Retrying in 1s…"\n`;
  assert.deepEqual(
    [...readRetries(`${line("a")}msg="else"\n${line("b")}${line("a")}`)],
    [
      ["a", 2],
      ["b", 1],
    ],
  );
  const slope = slopePerMinute([0, 1, 2, 3].map((minute) => ({ at: minute * 60_000, value: 50 + 2 * minute })));
  assert.ok(Math.abs(slope - 2) < 1e-9);
});
