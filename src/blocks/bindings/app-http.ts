import type { HttpAppChannel } from "../../kit/app-channel.ts";
import { decodeUtf8 } from "../../kit/bytes.ts";
import type { Trace } from "../../kit/call.ts";
import { readBody } from "../../kit/http-message.ts";
import { httpStatusText } from "../../kit/http-status-text.ts";
import { routeTarget } from "../../kit/url-path.ts";
import { describeEvent, traceOfEvent } from "./event-trace.ts";
import { type BindingApp, EventError, type TraceBelow } from "./ports.ts";

export interface HttpBindingAppPorts {
  readonly channel: HttpAppChannel;
  readonly below: TraceBelow;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What the call says of itself. */
const reserved: ReadonlySet<string> = new Set(["content-type", "content-length", "traceparent", "tracestate", "host"]);
const jsonType: readonly [string, string] = ["Content-Type", "application/json"];

/** A header name as Go writes it. */
function headerName(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (found) => found.toUpperCase());
}

function headersOf(metadata: Readonly<Record<string, string>>, trace: Trace): (readonly [string, string])[] {
  const headers = [jsonType];
  for (const name in metadata) {
    const value = metadata[name]!;
    // A name or value that cannot be sent must not keep the event from the app for ever.
    if (reserved.has(name.toLowerCase()) || !token.test(name) || /[\r\n\0]/.test(value)) continue;
    headers.push([headerName(name), value]);
  }
  if (trace.traceparent === "") return headers;
  headers.push(["traceparent", trace.traceparent]);
  if (trace.tracestate !== "") headers.push(["tracestate", trace.tracestate]);
  return headers;
}

/** An app that speaks HTTP and takes the events of bindings. */
export function createHttpBindingApp({ channel, below }: HttpBindingAppPorts): BindingApp {
  return {
    async wants({ route }, signal) {
      try {
        const call = { method: "OPTIONS", ...routeTarget(route), headers: [jsonType], body: null };
        const reply = await channel.call(call, signal);
        await readBody(reply.body);
        return (reply.status >= 200 && reply.status <= 299) || reply.status === 405;
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`could not invoke OPTIONS method on input binding subscription endpoint "${route}": ${why}`, {
          cause,
        });
      }
    },

    async deliver({ name, route }, event, policy, signal) {
      const trace = below(traceOfEvent(event), `bindings/${name}`);
      if (trace.span !== undefined) describeEvent(trace.span, name, `POST /${name}`);
      const call = {
        method: "POST",
        ...routeTarget(route),
        headers: headersOf(event.metadata, trace),
        body: event.data,
      };
      /** What the last attempt got, so that a policy which gives up does not hide it. */
      let last: { readonly status: number; readonly body: Uint8Array } | undefined;
      try {
        await policy(async (attempt) => {
          last = undefined;
          const reply = await channel.call(call, attempt);
          last = { status: reply.status, body: await readBody(reply.body) };
          if (last.status === 200) return;
          throw new EventError(`error sending binding event to application, status ${last.status}`, {
            code: last.status,
          });
        }, signal);
      } catch (cause) {
        if (last === undefined) {
          trace.span?.fail(cause instanceof Error ? cause.message : String(cause));
          throw new EventError(`error invoking app: ${cause instanceof Error ? cause.message : String(cause)}`, {
            cause,
          });
        }
      } finally {
        const code = last?.status ?? 0;
        if (code >= 400) trace.span?.fail(`Code(${code}): ${httpStatusText(code) || "Unknown"}`);
        trace.span?.end();
      }
      const { status, body } = last ?? { status: 0, body: new Uint8Array() };
      if (status >= 200 && status <= 299) return { body };
      throw new EventError(
        `fails to send binding event to http app channel, status code: ${status} body: ${decodeUtf8(body)}`,
        { code: status },
      );
    },
  };
}
