import { expiryText } from "../../../src/kit/ttl.ts";
import { decodeMessage, encodeMessage, type ReadField, type WireField } from "../../_shared/etcd-wire.ts";

/** How a version of the driver keeps values. Times are epoch milliseconds, times to live seconds. */
export interface ValueFormat {
  encode(bytes: Uint8Array, now: number, ttl: number | undefined): Uint8Array;
  /** Throws an Error for bytes of another format. */
  decode(stored: Uint8Array): { readonly bytes: Uint8Array; readonly metadata: Readonly<Record<string, string>> };
}

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});

/** Version 1: the value and nothing else. */
export const plainFormat: ValueFormat = {
  encode: (bytes) => bytes,
  decode: (bytes) => ({ bytes, metadata: noMetadata }),
};

function timeMessage(milliseconds: number): Uint8Array {
  const seconds = Math.floor(milliseconds / 1000);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1e6);
  const fields: WireField[] = [
    [1, seconds || undefined],
    [2, nanos || undefined],
  ];
  return encodeMessage(fields);
}

function millisecondsOf(field: ReadField[1]): number {
  let total = 0;
  if (field instanceof Uint8Array)
    for (const [number, value] of decodeMessage(field))
      if (!(value instanceof Uint8Array)) total += Number(value) * (number === 1 ? 1000 : 1e-6);
  return total;
}

/**
 * Version 2: a message with the value, the time of writing and the time to live.
 * compat: common/proto/state/etcd/v2/value.proto; upstream writes a time to live of zero where there is none.
 */
export const envelopeFormat: ValueFormat = {
  encode: (bytes, now, ttl) =>
    encodeMessage([
      [1, bytes.length === 0 ? undefined : bytes],
      [2, timeMessage(now)],
      [3, ttl === undefined ? undefined : timeMessage(ttl * 1000)],
    ]),
  decode(stored) {
    let bytes: Uint8Array = new Uint8Array();
    let written = 0;
    let ttl = 0;
    for (const [number, field] of decodeMessage(stored)) {
      if (number === 1 && field instanceof Uint8Array) bytes = field;
      else if (number === 2) written = millisecondsOf(field);
      else if (number === 3) ttl = millisecondsOf(field);
    }
    return { bytes, metadata: ttl > 0 ? { ttlExpireTime: expiryText(written + ttl) } : noMetadata };
  },
};
