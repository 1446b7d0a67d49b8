import type { MiddlewareRequest } from "../../../src/driver/middleware.ts";

/** Who is counted: the last entry of X-Forwarded-For, else X-Real-IP, else the peer; empty when there is none. */
export function callerAddress({ headers, caller }: MiddlewareRequest): string {
  const forwarded = headers.get("x-forwarded-for");
  if (forwarded !== null && forwarded !== "") return forwarded.slice(forwarded.lastIndexOf(",") + 1).trim();
  return headers.get("x-real-ip") || caller.address;
}

/** What addresses are counted together: the /64 network of an IPv6 address, an IPv4 address by itself, other text as it is. */
export function networkOf(address: string): string {
  const dot = address.indexOf(".");
  const colon = address.indexOf(":");
  if (colon < 0 || (dot >= 0 && dot < colon)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1] ?? address;
  const halves = address.split("::");
  if (halves.length > 2) return address;
  const groups = (half: string | undefined): string[] => (half === undefined || half === "" ? [] : half.split(":"));
  const head = groups(halves[0]);
  const tail = groups(halves[1]);
  // A dotted end stands for two groups.
  const written = head.length + tail.length + (dot >= 0 ? 1 : 0);
  if (halves.length === 1 ? written !== 8 : written > 7) return address;
  const all = [...head, ...Array.from({ length: 8 - written }, () => "0"), ...tail];
  if (!all.every((group) => /^(?:[0-9a-f]{1,4}|\d+\.\d+\.\d+\.\d+)$/i.test(group))) return address;
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::`;
}
