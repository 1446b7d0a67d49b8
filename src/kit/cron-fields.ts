interface FieldRange {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/** Second, minute, hour, day of month, month, day of week. */
const ranges: readonly FieldRange[] = [
  { min: 0, max: 59 },
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: days },
];
const descriptors: Readonly<Record<string, string>> = {
  "@yearly": "0 0 0 1 1 *",
  "@annually": "0 0 0 1 1 *",
  "@monthly": "0 0 0 1 * *",
  "@weekly": "0 0 0 * * 0",
  "@daily": "0 0 0 * * *",
  "@midnight": "0 0 0 * * *",
  "@hourly": "0 0 * * * *",
};

function numberOf(text: string, { min, names }: FieldRange): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + min;
  if (/^\+?\d+$/.test(text)) return Number(text);
  if (/^-\d+$/.test(text)) throw new Error(`negative number (${Number(text)}) not allowed: ${text}`);
  throw new Error(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** The numbers that one part of a field stands for; "all" for the whole range. */
function partNumbers(part: string, range: FieldRange): readonly number[] | "all" {
  const [span = "", stepText, ...moreSteps] = part.split("/");
  const [low = "", high, ...moreEnds] = span.split("-");
  const isWhole = low === "*" || low === "?";
  if (moreSteps.length > 0) throw new Error(`too many slashes: ${part}`);
  if (!isWhole && moreEnds.length > 0) throw new Error(`too many hyphens: ${part}`);
  const start = isWhole ? range.min : numberOf(low, range);
  let end = isWhole ? range.max : high === undefined ? start : numberOf(high, range);
  // A start alone with a step goes to the end of the range.
  if (stepText !== undefined && high === undefined) end = range.max;
  const step = stepText === undefined ? 1 : numberOf(stepText, { min: 0, max: 0 });
  if (isWhole && step === 1) return "all";
  if (start < range.min) throw new Error(`beginning of range (${start}) below minimum (${range.min}): ${part}`);
  if (end > range.max) throw new Error(`end of range (${end}) above maximum (${range.max}): ${part}`);
  if (start > end) throw new Error(`beginning of range (${start}) beyond end of range (${end}): ${part}`);
  if (step === 0) throw new Error(`step of range should be a positive number: ${part}`);
  const numbers: number[] = [];
  for (let at = start; at <= end; at += step) numbers.push(at);
  return numbers;
}

/** One field as a plain list of numbers, or `*`. */
function expandField(field: string, range: FieldRange): string {
  const numbers = new Set<number>();
  let isWhole = false;
  for (const part of field.split(",").filter((one) => one !== "")) {
    const found = partNumbers(part, range);
    if (found === "all") isWhole = true;
    else for (const number of found) numbers.add(number);
  }
  if (isWhole) return "*";
  if (numbers.size === 0) throw new Error(`a field of the schedule names no time: ${JSON.stringify(field)}`);
  return [...numbers].sort((left, right) => left - right).join(",");
}

/**
 * A cron expression of five or six fields, or one like `@daily`, as six fields that hold only `*` or lists of numbers. The
 * seconds begin with a range, so that a reader takes none of it for one fixed time of the day. Throws an Error that says what
 * is wrong.
 */
export function expandSchedule(expression: string): string {
  let given = expression;
  if (given.startsWith("@")) {
    const known = descriptors[given];
    if (known === undefined) throw new Error(`unrecognized descriptor: ${given}`);
    given = known;
  }
  const fields = given.split(/\s+/).filter((field) => field !== "");
  if (fields.length === 5) fields.unshift("0");
  if (fields.length !== 6) throw new Error(`expected 5 to 6 fields, found ${fields.length}: [${fields.join(" ")}]`);
  const [seconds = "", ...rest] = fields.map((field, at) => expandField(field, ranges[at]!));
  return [seconds.replace(/^\d+/, "$&-$&/1"), ...rest].join(" ");
}
