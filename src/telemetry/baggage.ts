const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const value = "[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]*";
const property = `[ \\t]*${token}[ \\t]*(?:=[ \\t]*${value}[ \\t]*)?`;
const memberPattern = new RegExp(`^[ \\t]*(${token})[ \\t]*=[ \\t]*(${value})[ \\t]*(?:;${property})*$`);
const longest = 8192;
const mostMembers = 180;
const longestMember = 4096;

/** Why a W3C baggage header is not valid, or undefined when it is. */
export function baggageFault(header: string): string | undefined {
  if (header.length > longest) return `baggage of ${header.length} bytes is longer than ${longest}`;
  const members = header.split(",");
  if (members.length > mostMembers) return `baggage has ${members.length} members, at most ${mostMembers}`;
  for (const member of members) {
    if (member.length > longestMember)
      return `baggage member of ${member.length} bytes is longer than ${longestMember}`;
    const match = memberPattern.exec(member);
    if (match === null) return `invalid baggage list-member: ${JSON.stringify(member)}`;
    if (/%(?![0-9a-fA-F]{2})/.test(match[2] ?? "")) return `invalid baggage value: ${JSON.stringify(match[2])}`;
  }
  return undefined;
}
