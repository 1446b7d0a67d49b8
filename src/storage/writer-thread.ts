import { createThreadPlatform } from "../platform/thread.ts";
import type { Request } from "./messages.ts";
import { createWriterServer } from "./writer-server.ts";

// The module of the storage thread: it is started by `Platform.storageThread`, never imported.
const { port, clock, sqlite } = createThreadPlatform();
const serve = createWriterServer({ sqlite, clock, post: (reply) => port.post(reply) });
port.onMessage = (message) => serve(message as Request);
