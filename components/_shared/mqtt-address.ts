import { DriverError } from "../../src/driver/errors.ts";

/** Where an MQTT broker listens. */
export interface MqttAddress {
  readonly transport: "tcp" | "ws";
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** Of WebSocket connections. */
  readonly path: string;
  readonly username?: string;
  readonly password?: string;
  /** Without the password, for messages. */
  readonly text: string;
}

const schemes: Readonly<Record<string, readonly ["tcp" | "ws", boolean, number]>> = {
  tcp: ["tcp", false, 1883],
  mqtt: ["tcp", false, 1883],
  ssl: ["tcp", true, 8883],
  mqtts: ["tcp", true, 8883],
  tcps: ["tcp", true, 8883],
  tls: ["tcp", true, 8883],
  ws: ["ws", false, 80],
  wss: ["ws", true, 443],
};

/** Reads the `url` of a component. Throws DriverError "badMetadata". */
export function readMqttAddress(url: string): MqttAddress {
  const parts = /^([a-z]+):\/\/(.*)$/i.exec(url.trim());
  const scheme = schemes[parts?.[1]?.toLowerCase() ?? ""];
  if (parts === null || scheme === undefined)
    throw new DriverError(
      "badMetadata",
      `property "url" must begin with one of ${Object.keys(schemes).join("://, ")}://, as in tcp://localhost:1883`,
    );
  let parsed: URL;
  let username: string;
  let password: string;
  try {
    // A scheme that the URL parser knows, so that it takes host and credentials apart.
    parsed = new URL(`http://${parts[2]}`);
    username = decodeURIComponent(parsed.username);
    password = decodeURIComponent(parsed.password);
  } catch (cause) {
    const text =
      'property "url" names no host and port, or has a stray "%": write for example tcp://user:password@localhost:1883';
    throw new DriverError("badMetadata", text, { cause });
  }
  const [transport, isSecure, port] = scheme;
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  const number = parsed.port === "" ? (/:80(?:[/?#]|$)/.test(parts[2] ?? "") ? 80 : port) : Number(parsed.port);
  return {
    transport,
    isSecure,
    host,
    port: number,
    path: parsed.pathname,
    ...(username !== "" && { username }),
    ...(password !== "" && { password }),
    text: `${parts[1]?.toLowerCase()}://${parsed.hostname}:${number}`,
  };
}
