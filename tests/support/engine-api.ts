import { createServer, type ServerResponse } from "node:http";

export type TestEngine = AsyncDisposable & {
  /** Bodies of loads that came whole. */
  readonly loaded: Buffer[];
  /** Bodies that broke off. */
  broken: number;
  /** `METHOD path` of every request. */
  readonly requests: string[];
};

export type EngineAnswers = {
  /** What the engine calls an image of that name. */
  readonly imageId?: (name: string) => string | undefined;
  /** Answers before the image is read, which then is not. */
  readonly onLoadStarted?: (answer: ServerResponse) => void;
  /** Ends a load; by default as a daemon that took it. */
  readonly onLoad?: (answer: ServerResponse) => void;
};

/** The few calls of the Engine API that loading takes, as real HTTP on a unix socket. */
export async function startTestEngine(socketPath: string, answers: EngineAnswers = {}): Promise<TestEngine> {
  const { imageId, onLoadStarted, onLoad = (answer) => answer.end('{"stream":"Loaded image"}\n') } = answers;
  const engine = { loaded: [] as Buffer[], broken: 0, requests: [] as string[] };
  const server = createServer((request, answer) => {
    const { method, url = "" } = request;
    engine.requests.push(`${method} ${url}`);
    if (url === "/_ping") {
      answer.end("OK");
      return;
    }
    const name = /^\/images\/(.+)\/json$/.exec(url)?.[1];
    if (name !== undefined) {
      const id = imageId?.(name);
      answer.statusCode = id === undefined ? 404 : 200;
      answer.end(JSON.stringify(id === undefined ? { message: `No such image: ${name}` } : { Id: id }));
      return;
    }
    if (onLoadStarted !== undefined) {
      onLoadStarted(answer);
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("close", () => {
      if (!request.complete) engine.broken += 1;
    });
    request.on("error", () => answer.destroy());
    request.on("end", () => {
      engine.loaded.push(Buffer.concat(chunks));
      onLoad(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return Object.assign(engine, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
