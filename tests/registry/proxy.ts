import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What happens to one request on its way to the registry, or to the answer on its way back. */
export type Fault =
  /** The connection is reset after so many bytes of the request's body; the registry has seen those. */
  | { readonly kind: "reset-request"; readonly after: number }
  /** After so many bytes of the answer's body. */
  | { readonly kind: "reset-answer"; readonly after: number }
  /** The registry has done what was asked, and its answer is lost. */
  | { readonly kind: "lose-answer" }
  /** Answered here; the registry sees nothing. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** So many bytes of the answer's body at a time, with a pause between. */
  | { readonly kind: "drip"; readonly bytes: number; readonly pauseMs: number }
  /** The request is taken and nothing ever comes. */
  | { readonly kind: "silence" }
  /** The body ends in good order after so many bytes; with or without saying so before. */
  | { readonly kind: "truncate"; readonly after: number; readonly isDeclared: boolean }
  /** One bit of the answer's body is turned. */
  | { readonly kind: "damage-answer" }
  /** One bit of what is uploaded is turned. */
  | { readonly kind: "damage-request" }
  /** The answer with other headers. */
  | { readonly kind: "headers"; readonly headers: Readonly<Record<string, string>> };

export type ProxyAccess = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
};

export type HostileProxy = AsyncDisposable & {
  readonly address: string;
  readonly log: ProxyAccess[];
  /** Asked for each request; undefined lets it pass. */
  fault: (request: ProxyAccess) => Fault | undefined;
  /** How many faults were made. */
  readonly faults: number;
};

/** Stands before a registry (`host:port`) on a loopback port, and does to its traffic what it is told. */
export async function startHostileProxy(upstream: string): Promise<HostileProxy> {
  let faults = 0;
  const server = createServer((request, response) => {
    const access = { method: request.method ?? "", url: request.url ?? "", headers: request.headers };
    proxy.log.push(access);
    const fault = proxy.fault(access);
    if (fault !== undefined) faults += 1;
    pass(request, response, upstream, fault).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const proxy: HostileProxy = {
    address: `127.0.0.1:${address.port}`,
    log: [],
    fault: () => undefined,
    get faults() {
      return faults;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  upstream: string,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === "silence") return;
  if (fault?.kind === "answer") {
    // A body that nobody reads would break the connection before the answer is seen.
    for await (const _ of request);
    response.writeHead(fault.status, fault.headers).end(fault.body);
    return;
  }
  const [host = "", port = ""] = upstream.split(":");
  const { method = "GET", url = "/", headers } = request;
  const forward = httpRequest({ host, port, method, path: url, headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    forward.once("response", resolve);
    forward.once("error", reject);
  });
  answered.catch(() => undefined);
  let sent = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    const rest = fault?.kind === "reset-request" ? fault.after - sent : chunk.length;
    const bytes = fault?.kind === "damage-request" && sent === 0 ? damaged(chunk) : chunk.subarray(0, rest);
    await new Promise((resolve) => forward.write(bytes, resolve));
    sent += bytes.length;
    if (fault?.kind === "reset-request" && sent >= fault.after) {
      // The registry must have seen what was sent before the end of it.
      await sleep(50);
      forward.destroy();
      request.socket.resetAndDestroy();
      return;
    }
  }
  forward.end();
  const answer = await answered;
  if (fault?.kind === "lose-answer") {
    answer.resume();
    request.socket.resetAndDestroy();
    return;
  }
  await giveBack(request, response, answer, fault);
}

async function giveBack(
  request: IncomingMessage,
  response: ServerResponse,
  answer: IncomingMessage,
  fault: Fault | undefined,
): Promise<void> {
  const headers = { ...answer.headers, ...(fault?.kind === "headers" ? fault.headers : {}) };
  if (fault?.kind === "truncate") {
    if (fault.isDeclared) headers["content-length"] = String(fault.after);
    else delete headers["content-length"];
  }
  response.writeHead(answer.statusCode ?? 502, headers);
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  response.flushHeaders();
  const limit =
    fault?.kind === "reset-answer" || fault?.kind === "truncate" ? fault.after : Number.POSITIVE_INFINITY;
  const step = fault?.kind === "drip" ? fault.bytes : Number.POSITIVE_INFINITY;
  let given = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const bytes =
      fault?.kind === "damage-answer" && given === 0 ? damaged(chunk) : chunk.subarray(0, limit - given);
    for (let at = 0; at < bytes.length; at += step) {
      await new Promise((resolve) => response.write(bytes.subarray(at, at + step), resolve));
      if (fault?.kind === "drip") await sleep(fault.pauseMs);
      if (response.destroyed) return;
    }
    given += bytes.length;
    if (given >= limit) break;
  }
  if (fault?.kind === "reset-answer") {
    // A reset overtakes bytes that the client has not read yet.
    await sleep(50);
    request.socket.resetAndDestroy();
  } else {
    response.end();
  }
}

function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy.writeUInt8(copy.readUInt8(middle) ^ 1, middle);
  return copy;
}
