import assert from "node:assert/strict";
import fc from "fast-check";
import type { StateSet } from "../../src/driver/state.ts";
import type { StateSuite } from "./state-suite.ts";
import { deleteOf, encoder, getOf, isDriverError, setOf, signal, textOf } from "./state-suite.ts";

/** Random operations against a Map. */
export function modelCases({ check, has, stale, traits }: StateSuite): void {
  check("any run of operations does what a Map does", async (store, key) => {
    const names = ["a", "b", "c"];
    const operation = fc.record({
      op: fc.constantFrom("set", "etag", "stale", "first", "delete", "deleteEtag", "get"),
      name: fc.constantFrom(...names),
      value: fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.boolean(), { maxLength: 3 })),
      binary: fc.boolean(),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        const own = (each: string): string => key(`${round}-${each}`);
        round++;
        const model = new Map<string, { text: string; etag: string | null; marked: boolean }>();
        const refresh = async (each: string): Promise<void> => {
          const item = await store.get(getOf(own(each)), signal);
          assert.equal(textOf(item), model.get(each)?.text ?? null);
          const known = model.get(each);
          if (known !== undefined) known.etag = item?.etag ?? null;
        };
        for (const { op, name: each, value, binary } of operations) {
          const text = JSON.stringify(value);
          const request = setOf(own(each), null, { value: { bytes: encoder.encode(text), binary } });
          const known = model.get(each);
          const put = async (more: Partial<StateSet>): Promise<void> => {
            await store.set({ ...request, ...more }, signal);
            const marked = more.concurrency === "first-write" || (known?.marked ?? false);
            model.set(each, { text, etag: null, marked: marked && (traits.firstWriteMarks ?? false) });
          };
          if (op === "set" && known?.marked) await assert.rejects(put({}), isDriverError());
          else if (op === "set") await put({});
          else if (op === "etag" && known?.etag) await put({ etag: known.etag });
          else if (op === "stale" && known !== undefined && has("ETAG"))
            await assert.rejects(put({ etag: stale }), isDriverError("etagMismatch"));
          else if (op === "first" && has("ETAG")) {
            if (known === undefined) await put({ concurrency: "first-write" });
            else if (traits.firstWriteOverOrdinary !== "stored")
              await assert.rejects(put({ concurrency: "first-write" }), isDriverError());
          } else if (op === "delete" || (op === "deleteEtag" && known?.etag)) {
            await store.delete(deleteOf(own(each), { etag: op === "delete" ? null : known!.etag }), signal);
            model.delete(each);
          }
          await refresh(each);
        }
        for (const each of names) await refresh(each);
      }),
      { numRuns: traits.modelRuns ?? 40 },
    );
  });
}
