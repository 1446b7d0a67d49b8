import type { HttpError } from "../../errors/http.ts";
import type { PlainAnswer } from "../../platform/types.ts";

/** The header lines of an answer, as far as they are changed once it is there; the web's `Headers` are one. */
export interface HeaderEdits {
  has(name: string): boolean;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const notInValue = /[^\t -~\x80-\xff]/;

/** An answer whose body is all there: a fraction of the work of a `Response`. */
export class WholeAnswer implements PlainAnswer, HeaderEdits {
  readonly status: number;
  readonly lines: string[] = [];
  readonly body: Uint8Array | null;
  /** The error that it stands for. */
  failure: HttpError | undefined = undefined;

  constructor(status: number, body: Uint8Array | null) {
    this.status = status;
    this.body = body;
  }

  get headers(): HeaderEdits {
    return this;
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  set(name: string, value: string): void {
    const at = this.#find(name);
    if (at < 0) this.append(name, value);
    else this.lines[at + 1] = checked(name, value);
  }

  /** Throws TypeError for what no header line can carry. */
  append(name: string, value: string): void {
    if (!token.test(name)) throw new TypeError(`"${name}" is no name of a header`);
    this.lines.push(name.toLowerCase(), checked(name, value));
  }

  pairs(): [string, string][] {
    const pairs: [string, string][] = [];
    for (let at = 0; at < this.lines.length; at += 2)
      pairs.push([this.lines[at] as string, this.lines[at + 1] as string]);
    return pairs;
  }

  #find(name: string): number {
    for (let at = 0; at < this.lines.length; at += 2) if (this.lines[at] === name) return at;
    return -1;
  }
}

function checked(name: string, value: string): string {
  if (notInValue.test(value))
    throw new TypeError(`the value of header "${name}" has characters that no header can have`);
  return value;
}
