import { errorAnswer, failedWith, type HttpAnswer, sized } from "../../api/http/answer.ts";
import type { HttpRequest } from "../../api/http/route.ts";
import { fail } from "../../errors/error.ts";
import type { HeaderLines } from "../../kit/http-message.ts";
import type { Invocation, InvocationReply } from "../../kit/invocation.ts";
import { acceptKey, listed } from "../../kit/websocket/handshake.ts";
import { UpgradeResponse } from "../../kit/websocket/upgrade-response.ts";
import { upgradeError } from "./failure.ts";
import { isForApp, type Lines, nominated } from "./header-rules.ts";
import { httpAnswer } from "./http-answer.ts";
import type { Invoke } from "./invoke.ts";
import type { CalledMethod } from "./target.ts";
import { type TunnelPorts, WebSocketTunnel } from "./websocket-tunnel.ts";

const version = "13";
/** Fields of the app's answer that the host writes itself, for its own connection. */
const ofHandshake: ReadonlySet<string> = new Set(["sec-websocket-accept", "sec-websocket-extensions", "date"]);

/**
 * Calls the app with a request for a WebSocket. Any status but 101 is the app's answer like that of any call; 501 says that there
 * is no way for a WebSocket to this app.
 */
export async function invokeWebSocket(
  invoke: Invoke,
  ports: TunnelPorts,
  request: HttpRequest,
  called: CalledMethod,
): Promise<HttpAnswer> {
  const { headers } = request;
  const key = headers.get("sec-websocket-key");
  if (headers.get("sec-websocket-version") !== version) {
    return sized(new Response(null, { status: 426, headers: { "sec-websocket-version": version } }), 0);
  }
  if (key === null) return sized(new Response(null, { status: 400 }), 0);
  const control = new AbortController();
  const { signal, trace } = request.call;
  const left = (): void => control.abort(signal.reason);
  if (signal.aborted) left();
  signal.addEventListener("abort", left);
  const tunnel = new WebSocketTunnel(ports, () =>
    control.abort(new DOMException("the WebSocket has ended", "AbortError")),
  );
  try {
    const asked = invocation(request, called.method, tunnel);
    const reply = await invoke.invoke(called.id, asked, { signal: control.signal, trace });
    const { body } = reply;
    if (reply.code !== 101) return await refusal(reply, called.id);
    if (!(body instanceof ReadableStream)) throw new Error("the app's answer of 101 leads nowhere");
    const fault = await faultOf(reply.headers, key, headers.get("sec-websocket-protocol"));
    if (fault !== undefined) {
      await body.cancel();
      throw new Error(`the app's answer to the WebSocket handshake is no good: ${fault}`);
    }
    return new UpgradeResponse(answerHeaders(reply.headers), {
      opened(socket) {
        tunnel.start(socket, body);
        return tunnel;
      },
      missed() {
        body.cancel().catch(() => {});
        control.abort(new DOMException("the client went away", "AbortError"));
      },
    });
  } catch (error) {
    return errorAnswer(upgradeError(called.id, error));
  } finally {
    // What becomes of the request does not matter any more: the socket tells when the client leaves.
    signal.removeEventListener("abort", left);
  }
}

function invocation(request: HttpRequest, method: string, tunnel: WebSocketTunnel): Invocation {
  const lines: Lines = [];
  const dropped = nominated(request.headers.get("connection"));
  request.headers.forEach((value, name) => {
    // Extensions hold between two neighbours, and neither side of ours has any.
    if (name !== "sec-websocket-extensions" && isForApp(name, dropped)) lines.push([name, value]);
  });
  return {
    wire: "http",
    method,
    verb: "GET",
    query: request.query,
    contentType: "",
    typeUrl: "",
    headers: lines,
    body: null,
    upgrade: { protocol: "websocket", sends: () => tunnel.sends() },
  };
}

async function refusal(reply: InvocationReply, id: string): Promise<HttpAnswer> {
  const answer = await httpAnswer(reply, false, false);
  const { status } = answer;
  return status < 200 || status > 399 ? failedWith(answer, fail("directInvoke", { id, reason: "" })) : answer;
}

/** What is wrong with an answer of 101 (RFC 6455, 4.1), if anything. */
async function faultOf(lines: HeaderLines, key: string, offered: string | null): Promise<string | undefined> {
  const value = (wanted: string): string | undefined => lines.find(([name]) => name === wanted)?.[1];
  if (value("sec-websocket-accept") !== (await acceptKey(key))) return "its sec-websocket-accept does not fit the key";
  if (value("sec-websocket-extensions") !== undefined) return "it agrees to an extension that nobody asked for";
  const protocol = value("sec-websocket-protocol");
  if (protocol !== undefined && !listed(offered ?? "", protocol.toLowerCase()))
    return `it chose the subprotocol "${protocol}", which nobody offered`;
  return undefined;
}

function answerHeaders(lines: HeaderLines): Headers {
  const headers = new Headers();
  for (const [name, value] of lines) if (!ofHandshake.has(name)) headers.append(name, value);
  return headers;
}
