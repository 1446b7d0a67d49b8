import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(bytes: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let text = "";
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31];
    value &= 255;
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

function withChecksum(bytes: readonly number[]): Uint8Array {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) sum = ((sum & 0x8000) !== 0 ? (sum << 1) ^ 0x1021 : sum << 1) & 0xffff;
  }
  return Uint8Array.from([...bytes, sum & 255, sum >> 8]);
}

/** A key pair in the forms of NATS: `prefix` 14 is an operator, 0 an account, 20 a user. */
function newKey(prefix: number): { readonly name: string; readonly seed: string; readonly key: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = (text: string | undefined) => [...Buffer.from(text ?? "", "base64url")];
  const kind = prefix << 3;
  const secret = raw(privateKey.export({ format: "jwk" }).d);
  const seedHead = [(18 << 3) | (kind >> 5), (kind & 31) << 3];
  return {
    name: base32(withChecksum([kind, ...raw(publicKey.export({ format: "jwk" }).x)])),
    seed: base32(withChecksum([...seedHead, ...secret])),
    key: privateKey,
  };
}

type Key = ReturnType<typeof newKey>;

function token(issuer: Key, subject: string, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { jti: crypto.randomUUID(), iat: 1_700_000_000, iss: issuer.name, name: "test", sub: subject, nats };
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), issuer.key).toString("base64url")}`;
}

/** A server's settings that let a signed user in, that user, and the seed of another one. */
export function natsIdentity(): { settings: readonly string[]; jwt: string; seed: string; strangeSeed: string } {
  const [operator, system, account, user] = [newKey(14), newKey(0), newKey(0), newKey(20)] as const;
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, conn: -1, leaf: -1, wildcards: true };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accountJwt = (key: Key, more: object) =>
    token(operator, key.name, { limits: { ...limits, ...more }, type: "account", version: 2 });
  const user2 = { subs: -1, data: -1, payload: -1, pub: {}, sub: {}, type: "user", version: 2 };
  return {
    settings: [
      `operator: ${token(operator, operator.name, { type: "operator", version: 2 })}`,
      `system_account: ${system.name}`,
      "resolver: MEMORY",
      `resolver_preload { ${system.name}: ${accountJwt(system, {})}, ${account.name}: ${accountJwt(account, storage)} }`,
    ],
    jwt: token(account, user.name, user2),
    seed: user.seed,
    strangeSeed: newKey(20).seed,
  };
}
