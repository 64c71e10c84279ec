import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What the server does with one request of a path; anything left out is what a good server would do. */
export type Behaviour = {
  /** Default 200, or 206 for a Range that is honoured. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the path's bytes. */
  readonly body?: Uint8Array | string;
  /** The connection is reset after so many bytes of the body. */
  readonly cutAfter?: number;
  /** The body ends in good order after so many bytes, without a declared length. */
  readonly endAfter?: number;
  /** After so many bytes nothing more comes, and the connection stays. */
  readonly stallAfter?: number;
  /** Bytes at a time, with `pauseMs` between. */
  readonly drip?: { readonly bytes: number; readonly pauseMs: number };
  readonly ignoreRange?: boolean;
  /** No content-length. */
  readonly isChunked?: boolean;
  /** The connection is reset before any answer. */
  readonly isReset?: boolean;
};

export type Access = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
};

export type FaultyServer = AsyncDisposable & {
  readonly url: string;
  readonly log: Access[];
  /** Bytes at `path`, and what happens to its first, second, … request; after those it behaves. */
  serve(path: string, body: Uint8Array | string, ...behaviours: Behaviour[]): string;
  /** As `serve`, but for every request. */
  always(path: string, behaviour: Behaviour): string;
  requests(path: string): Access[];
};

type Route = { body: Uint8Array; script: Behaviour[]; rest: Behaviour };

/** A loopback server that fails as told. Unknown paths are 404. */
export async function startFaultyServer(): Promise<FaultyServer> {
  const routes = new Map<string, Route>();
  const log: Access[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    log.push({ method: request.method ?? "", path, headers: plainHeaders(request) });
    const route = routes.get(path);
    if (route === undefined) {
      response.writeHead(404).end("not here\n");
      return;
    }
    answer(request, response, route.body, route.script.shift() ?? route.rest).catch(() => response.destroy());
  });
  const port = await listen(server);
  const url = `http://127.0.0.1:${port}`;
  const add = (path: string, body: Uint8Array | string, script: Behaviour[], rest: Behaviour): string => {
    routes.set(path, { body: Buffer.from(body), script, rest });
    return `${url}${path}`;
  };
  return {
    url,
    log,
    serve: (path, body, ...behaviours) => add(path, body, behaviours, {}),
    always: (path, behaviour) => add(path, behaviour.body ?? "", [], behaviour),
    requests: (path) => log.filter((access) => access.path === path),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
  behaviour: Behaviour,
): Promise<void> {
  if (behaviour.isReset === true) {
    request.socket.resetAndDestroy();
    return;
  }
  const whole = behaviour.body === undefined ? body : Buffer.from(behaviour.body);
  const range = behaviour.ignoreRange === true ? undefined : rangeOf(request, behaviour);
  if (range !== undefined && range.start >= whole.byteLength) {
    response.writeHead(416, { "content-range": `bytes */${whole.byteLength}` }).end();
    return;
  }
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? whole.byteLength, whole.byteLength);
  const bytes = whole.subarray(start, end);
  const isOpenEnded = behaviour.isChunked === true || behaviour.endAfter !== undefined;
  response.writeHead(behaviour.status ?? (range === undefined ? 200 : 206), {
    "accept-ranges": "bytes",
    ...(isOpenEnded ? {} : { "content-length": String(bytes.byteLength) }),
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${whole.byteLength}` }),
    ...behaviour.headers,
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const limit = behaviour.cutAfter ?? behaviour.endAfter ?? behaviour.stallAfter ?? bytes.byteLength;
  await write(response, bytes.subarray(0, limit), behaviour);
  if (behaviour.cutAfter !== undefined) request.socket.resetAndDestroy();
  else if (behaviour.stallAfter === undefined) response.end();
}

/** Resolves once the bytes have left, so that a cut comes after and not before them. */
async function write(response: ServerResponse, bytes: Uint8Array, behaviour: Behaviour): Promise<void> {
  const step = behaviour.drip?.bytes ?? Math.max(1, bytes.byteLength);
  response.flushHeaders();
  for (let at = 0; at < bytes.byteLength; at += step) {
    await new Promise((resolve) => response.write(bytes.subarray(at, at + step), resolve));
    if (behaviour.drip !== undefined) await sleep(behaviour.drip.pauseMs);
  }
  // A reset overtakes bytes that the peer has not read yet; loopback delivers well within this.
  if (behaviour.cutAfter !== undefined) await sleep(30);
}

/** Honours `bytes=a-` and `bytes=a-b`, and If-Range against the entity tag that the behaviour sends. */
function rangeOf(
  request: IncomingMessage,
  behaviour: Behaviour,
): { start: number; end?: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (match === null || behaviour.status !== undefined) return undefined;
  const condition = request.headers["if-range"];
  if (condition !== undefined && condition !== behaviour.headers?.etag) return undefined;
  const start = Number(match[1]);
  return match[2] === "" ? { start } : { start, end: Number(match[2]) + 1 };
}

function plainHeaders(request: IncomingMessage): Access["headers"] {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve(address.port);
    });
  });
}
