/** The peer broke the rules of HTTP; `message` names the rule in Go's words. */
export class MalformedMessage extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MalformedMessage";
  }
}
