import { DriverError } from "../../../src/driver/errors.ts";
import { encodeUtf8 } from "../../../src/kit/bytes.ts";
import { EtcdStatusError } from "../../_shared/etcd-channel.ts";
import type { EtcdClient, EtcdPair } from "../../_shared/etcd-client.ts";
import { compareText } from "../../_shared/json-query.ts";
import { likeExpression } from "../../_shared/like-pattern.ts";

const batch = 1024;
const outOfRange = 11;

/** The end of the range of all keys that start with a text. */
function rangeEndOf(prefix: string): Uint8Array {
  const bytes = encodeUtf8(prefix);
  const at = bytes.findLastIndex((byte) => byte < 255);
  if (at < 0) return new Uint8Array([0]);
  const end = bytes.slice(0, at + 1);
  end[at]!++;
  return end;
}

/** The text before the first wildcard of a pattern. */
function literalPrefix(pattern: string): string {
  let prefix = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === "%" || character === "_") break;
    prefix += character === "\\" && at + 1 < pattern.length ? pattern[++at] : character;
  }
  return prefix;
}

/** Where a page ended: the revision of the list, and the last key with the revision at which it was made. */
interface Position {
  readonly snapshot: number;
  readonly created: number;
  readonly key: string | undefined;
}

// compat: state/etcd/etcd.go has the first two parts; keys made in one transaction need the third
function readToken(token: string): Position {
  if (token === "") return { snapshot: 0, created: 0, key: "" };
  const parts = /^([0-9]+):([0-9]+)(?::(.*))?$/s.exec(token);
  if (parts === null) throw new DriverError("badRequest", "invalid continue token");
  return { snapshot: Number(parts[1]), created: Number(parts[2]), key: parts[3] };
}

/**
 * A page of the keys below `base` that fit a LIKE pattern, without `base`, oldest first. All pages show the store as it was
 * at the first, unless etcd has forgotten that state meanwhile.
 */
export async function listKeys(
  etcd: EtcdClient,
  base: string,
  { pattern, pageSize, token }: { readonly pattern: string; readonly pageSize: number; readonly token: string },
  signal: AbortSignal,
): Promise<{ keys: string[]; token: string }> {
  // Unlike SQL's stores, etcd finds keys with line breaks.
  const expression = new RegExp(likeExpression(pattern).source.replaceAll("[^\\n]", "."), "su");
  const prefix = base + literalPrefix(pattern);
  const start = readToken(token);
  let { snapshot } = start;
  let from = start.created;
  let limit = batch;
  let previous: EtcdPair | undefined;

  async function read() {
    const range = { key: prefix, rangeEnd: rangeEndOf(prefix), keysOnly: true, limit, fromCreateRevision: from };
    try {
      return await etcd.range({ ...range, ...(snapshot > 0 && { revision: snapshot }) }, signal);
    } catch (cause) {
      if (!(cause instanceof EtcdStatusError) || cause.code !== outOfRange) throw cause;
      snapshot = 0;
      return etcd.range(range, signal);
    }
  }
  const isSeen = ({ createRevision, key }: EtcdPair): boolean =>
    createRevision < start.created ||
    (createRevision === start.created &&
      (start.key === undefined || compareText(key.slice(base.length), start.key) <= 0));

  const keys: string[] = [];
  for (;;) {
    const { pairs, revision } = await read();
    if (snapshot === 0) snapshot = revision;
    const lastCreated = pairs.at(-1)?.createRevision ?? 0;
    const isWhole = pairs.length < limit;
    // Keys made at once have no order of their own, so those at the cut wait for the next batch.
    const whole = isWhole ? pairs : pairs.filter(({ createRevision }) => createRevision < lastCreated);
    if (!isWhole && whole.length === 0) {
      limit *= 2;
      continue;
    }
    whole.sort((a, b) => a.createRevision - b.createRevision || compareText(a.key, b.key));
    for (const pair of whole) {
      const key = pair.key.slice(base.length);
      if (isSeen(pair) || !expression.test(key)) continue;
      if (pageSize > 0 && keys.length === pageSize) return { keys, token: tokenOf(snapshot, previous!, base) };
      keys.push(key);
      previous = pair;
    }
    if (isWhole) return { keys, token: "" };
    from = lastCreated;
  }
}

function tokenOf(snapshot: number, { createRevision, key }: EtcdPair, base: string): string {
  return `${snapshot}:${createRevision}:${key.slice(base.length)}`;
}
