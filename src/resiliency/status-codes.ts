/** Statuses from `start` to `end`, both among them. */
export interface CodeRange {
  readonly start: number;
  readonly end: number;
}

/** Which statuses are repeated; undefined: all of that wire. */
export interface CodeMatch {
  readonly http: readonly CodeRange[] | undefined;
  readonly grpc: readonly CodeRange[] | undefined;
}

const httpCodes: CodeRange = { start: 100, end: 599 };
const grpcCodes: CodeRange = { start: 0, end: 16 };

const has = ({ start, end }: CodeRange, code: number): boolean => start <= code && code <= end;

/** Reads two lists such as `429,500-599`; an empty text lists everything. Throws with upstream's words when a part is none. */
export function readCodeMatch(httpStatusCodes: string, grpcStatusCodes: string): CodeMatch {
  return { http: readRanges(httpStatusCodes, httpCodes), grpc: readRanges(grpcStatusCodes, grpcCodes) };
}

/** True when a status is one to repeat. One that is neither of gRPC nor of HTTP is not. */
export function isRepeatedCode(code: number, match: CodeMatch | undefined): boolean {
  if (has(grpcCodes, code)) return match?.grpc?.some((range) => has(range, code)) ?? true;
  if (has(httpCodes, code)) return match?.http?.some((range) => has(range, code)) ?? true;
  return false;
}

function readRanges(text: string, valid: CodeRange): readonly CodeRange[] | undefined {
  if (text === "") return undefined;
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => readRange(part, valid));
}

function readRange(part: string, valid: CodeRange): CodeRange {
  const ends = part.split("-");
  if (ends.length > 2) throw new Error(`invalid pattern ${part}, more than one '-' exists`);
  const [first = "", last] = ends;
  const start = readCode(first, "start", part, valid);
  const end = last === undefined ? start : readCode(last, "end", part, valid);
  if (end < start) throw new Error(`invalid pattern ${part}, start value should not bigger than end value`);
  return { start, end };
}

function readCode(text: string, which: "start" | "end", part: string, valid: CodeRange): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw new Error(`failed to parse ${which} code ${text} from pattern ${part} to int`);
  }
  const code = Number(text);
  if (!has(valid, code)) throw new Error(`invalid pattern ${part}, ${which} code ${code} is not valid`);
  return code;
}
