import type { NatsLink, NatsMessage } from "./nats-link.ts";
import type { Feed } from "./pull-feed.ts";

export interface PushFeedPorts {
  readonly link: NatsLink;
  /** Where the server sends the messages. */
  readonly subject: string;
  readonly queue: string | undefined;
  deliver(message: NatsMessage): void;
  /** Answers the server's flow control. */
  answer(reply: string): void;
}

/** Takes what the server sends by itself: for consumers that another runtime has made so. */
export function createPushFeed({ link, subject, queue, deliver, answer }: PushFeedPorts): Feed {
  const unsubscribe = link.subscribe(
    subject,
    (message) => {
      if (message.headers?.code !== 100) return deliver(message);
      const stalled = message.headers.get("Nats-Consumer-Stalled");
      if (message.reply !== undefined && message.reply !== "") answer(message.reply);
      else if (stalled !== "") answer(stalled);
    },
    queue,
  );
  return { fill() {}, close: unsubscribe };
}
