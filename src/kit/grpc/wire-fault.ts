/** A fault in the framing of a gRPC message, with the numeric status code that answers it. */
export class WireFault extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "WireFault";
    this.code = code;
  }
}
