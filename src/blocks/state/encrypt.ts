import { decodeBase64, encodeBase64 } from "../../kit/base64.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import type { Random } from "../../kit/random.ts";
import { keySeparator } from "./key.ts";

/** A key of a store: the name of the secret it came from, and its bytes (16, 24 or 32) in hexadecimal. */
export interface EncryptionKey {
  readonly name: string;
  readonly hex: string;
}

export interface EncryptionKeys {
  readonly primary: EncryptionKey;
  /** Still readable, no longer written. */
  readonly secondary?: EncryptionKey;
}

/** Turns values into what is stored and back. Both reject with an Error fit to be shown. */
export interface ValueCipher {
  encrypt(value: Uint8Array): Promise<Uint8Array>;
  decrypt(stored: Uint8Array): Promise<Uint8Array>;
}

const nonceLength = 12;

function keyBytes(key: EncryptionKey): Uint8Array<ArrayBuffer> {
  const stray = /[^0-9a-fA-F]/.exec(key.hex);
  if (stray !== null || key.hex.length % 2 !== 0)
    throw new Error(`encryption key of secret "${key.name}" is not hexadecimal text`);
  const bytes = new Uint8Array(key.hex.length / 2);
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = Number.parseInt(key.hex.slice(2 * index, 2 * index + 2), 16);
  if (![16, 24, 32].includes(bytes.length))
    throw new Error(`encryption key of secret "${key.name}" has ${bytes.length} bytes, it must have 16, 24 or 32`);
  return bytes;
}

async function importKey(key: EncryptionKey): Promise<CryptoKey> {
  // The name marks every value; without one, or with one that looks like two, nothing could ever be read again.
  if (key.name === "" || key.name.includes(keySeparator))
    throw new Error(`encryption key needs a secretKeyRef whose name is not empty and has no "||", it is "${key.name}"`);
  return crypto.subtle.importKey("raw", keyBytes(key), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * The cipher of one store. Stored values are `base64(nonce ‖ ciphertext ‖ tag)||<name of the key's secret>`, upstream's
 * format (AES-GCM, 12 byte nonce, no associated data), so either runtime reads what the other wrote.
 */
export async function createValueCipher(storeName: string, keys: EncryptionKeys, random: Random): Promise<ValueCipher> {
  const primary = await importKey(keys.primary);
  const byName = new Map<string, CryptoKey>();
  if (keys.secondary !== undefined) byName.set(keys.secondary.name, await importKey(keys.secondary));
  byName.set(keys.primary.name, primary);
  const suffix = keySeparator + keys.primary.name;

  return {
    async encrypt(value) {
      const nonce = random.bytes(nonceLength) as Uint8Array<ArrayBuffer>;
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, primary, value as BufferSource);
      const packed = new Uint8Array(nonceLength + sealed.byteLength);
      packed.set(nonce);
      packed.set(new Uint8Array(sealed), nonceLength);
      return encodeUtf8(encodeBase64(packed) + suffix);
    },

    async decrypt(stored) {
      if (stored.length === 0) return stored;
      const text = decodeUtf8(stored);
      const at = text.lastIndexOf(keySeparator);
      const name = at < 0 ? "" : text.slice(at + keySeparator.length);
      const refuse = (reason: string): Error =>
        new Error(`could not decrypt data for state store ${storeName}: ${reason}`);
      if (name === "") throw refuse("encryption key name not found on record");
      const key = byName.get(name);
      if (key === undefined) throw refuse(`no encryption key of this store is named "${name}"`);
      const packed = decodeBase64(text.slice(0, at));
      if (packed.length < nonceLength) throw refuse("record is too short");
      try {
        const iv = packed.subarray(0, nonceLength);
        return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, packed.subarray(nonceLength)));
      } catch (cause) {
        throw new Error("cipher: message authentication failed", { cause });
      }
    },
  };
}
