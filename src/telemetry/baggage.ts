import { goQuote } from "../kit/go-quote.ts";

const key = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const value = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;
const property =
  /^[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*(?:=[ \t]*(?:[\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]|%[0-9a-fA-F]{2})*[ \t]*)?)?$/;
const malformedEscape = /%(?![0-9a-fA-F]{2}).{0,2}/;
const mostBytes = 8192;
const mostMembers = 64;

/** Why a W3C baggage header is not valid, in upstream's words; undefined when it is. */
export function baggageFault(header: string): string | undefined {
  if (header.length > mostBytes) return `baggage-string too large: ${header.length}`;
  const members = header.split(",");
  if (members.length > mostMembers) return "too many list-members in baggage-string";
  for (const member of members) {
    const fault = memberFault(member);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function memberFault(member: string): string | undefined {
  const [pair = "", ...properties] = member.split(";");
  for (const one of properties) {
    if (one !== "" && !(property.test(one) && one.trim() !== "")) {
      return `invalid baggage list-member property: ${goQuote(one)}`;
    }
  }
  const equals = pair.indexOf("=");
  if (equals < 0) return `invalid baggage list-member: ${goQuote(member)}`;
  const name = pair.slice(0, equals).trim();
  if (!key.test(name)) return `invalid key: ${goQuote(name)}`;
  const given = pair.slice(equals + 1);
  if (!value.test(given.trim())) return `invalid value: ${goQuote(given)}`;
  const broken = malformedEscape.exec(given.trim());
  return broken === null ? undefined : `invalid value: invalid URL escape ${goQuote(broken[0])}`;
}
