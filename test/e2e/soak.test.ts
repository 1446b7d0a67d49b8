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
  const at = (...times: number[]) => times.map((each) => ({ id: "a", at: each }));
  const faults = (outcome: "ok" | "failed" | "hung" | "wrong", times: number[], retries: number[] = []) =>
    judgeCalls([{ ...call, outcome }], at(...times), retries).length;
  assert.equal(faults("ok", [5]), 0);
  assert.equal(faults("ok", []), 1);
  assert.equal(faults("failed", []), 0);
  assert.equal(faults("failed", [5]), 0);
  assert.equal(faults("ok", [5000, 9000], [7000]), 0);
  assert.equal(faults("ok", [5000, 9000], [12_000]), 1);
  assert.equal(faults("ok", [5000, 7000, 9000], [6000]), 1);
  assert.equal(faults("hung", []), 1);
  assert.equal(faults("wrong", [5]), 1);
  const log = 'time="2026-01-01T00:00:00.5Z" level=warning msg="Error … Retrying in 1s…"\ntime="x" msg="else"\n';
  assert.deepEqual(readRetries(log), [Date.parse("2026-01-01T00:00:00.5Z")]);
  const slope = slopePerMinute([0, 1, 2, 3].map((minute) => ({ at: minute * 60_000, value: 50 + 2 * minute })));
  assert.ok(Math.abs(slope - 2) < 1e-9);
});
