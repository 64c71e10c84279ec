import { lstatSync } from "node:fs";
import { Readable } from "node:stream";
import { CambiumError, messageOf } from "../../errors.ts";
import type { Engine, EngineKind } from "./engine.ts";
import { loadFailed } from "./load-error.ts";
import { watchedSource } from "./watched-source.ts";

/** A daemon that hangs must not keep `--load` from asking the next one. */
const PING_TIMEOUT_MS = 5000;
/** Of an answer: it has the names of what was loaded, or what went wrong. */
const MAX_ANSWER_BYTES = 1 << 20;

/** The Engine API on a unix socket, which podman's service speaks too. (Docker Engine API, `ImageLoad`) */
export function engineApi(kind: EngineKind, socketPath: string): Engine {
  return {
    kind,
    where: socketPath,
    async problem(signal) {
      if (lstatSync(socketPath, { throwIfNoEntry: false }) === undefined) return "no such socket";
      try {
        const patience = AbortSignal.any([signal, AbortSignal.timeout(PING_TIMEOUT_MS)]);
        const { status } = await request(socketPath, { method: "GET", path: "/_ping", signal: patience });
        return status === 200 ? undefined : `it answers ${status}`;
      } catch (error) {
        signal.throwIfAborted();
        return messageOf(error);
      }
    },
    async imageId(name, signal) {
      try {
        const answer = await request(socketPath, { method: "GET", path: `/images/${name}/json`, signal });
        return answer.status === 200 ? member(answer.text, "Id") : undefined;
      } catch {
        signal.throwIfAborted();
        // Asking only saves a load; if the daemon is gone, that will say so.
        return undefined;
      }
    },
    async load(tar, signal) {
      const source = watchedSource(tar);
      const body = Readable.from(source.bytes, { objectMode: false });
      try {
        const path = "/images/load?quiet=1";
        const { status, text } = await request(socketPath, { method: "POST", path, signal, body });
        const problem = status === 200 ? streamedError(text) : (member(text, "message") ?? text);
        if (problem !== undefined) throw loadFailed(kind, socketPath, `${status}: ${problem}`);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CambiumError) throw error;
        throw source.failure?.error ?? loadFailed(kind, socketPath, messageOf(error), error);
      } finally {
        // A daemon that refuses early leaves some of it unread.
        body.destroy();
      }
    },
  };
}

type Request = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly signal: AbortSignal;
  readonly body?: Readable;
};

async function request(
  socketPath: string,
  options: Request,
): Promise<{ readonly status: number; readonly text: string }> {
  const { Agent } = await import("../../fetch/undici.ts");
  // Unpacking gigabytes takes minutes in which a daemon says nothing; the signal is what ends it.
  const client = new Agent({ connect: { socketPath }, headersTimeout: 0, bodyTimeout: 0 });
  try {
    const headers = options.body === undefined ? {} : { "content-type": "application/x-tar" };
    const answer = await client.request({ ...options, origin: "http://localhost", headers });
    return { status: answer.statusCode, text: await textOf(answer.body) };
  } finally {
    await client.destroy();
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    if (size < MAX_ANSWER_BYTES) chunks.push(chunk);
    size += chunk.byteLength;
  }
  return Buffer.concat(chunks).toString("utf8", 0, MAX_ANSWER_BYTES);
}

/** An answer begins before loading ends, so what fails later stands in its body, a JSON document a line. */
function streamedError(text: string): string | undefined {
  return text
    .split("\n")
    .map((line) => member(line, "error"))
    .find((problem) => problem !== undefined);
}

function member(json: string, name: string): string | undefined {
  try {
    const value: unknown = Reflect.get(Object(JSON.parse(json)), name);
    return typeof value === "string" ? value : undefined;
  } catch {
    // Podman and proxies in between answer in plain text too.
    return undefined;
  }
}
