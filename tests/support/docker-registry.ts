import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { temporaryFolder } from "./temporary-folder.ts";

export type AccessLine = { readonly method: string; readonly path: string; readonly status: number };

export type TestRegistry = AsyncDisposable & {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** The folder of its storage. */
  readonly storage: string;
  /** What was asked of it since the start or the last `forget`, as it logged that itself. */
  accesses(): Promise<AccessLine[]>;
  forget(): Promise<void>;
};

export type RegistryOptions = {
  /** Lines of `auth:` in its configuration; see `basicAuth` and the token server. */
  readonly auth?: readonly string[];
  readonly isReadOnly?: boolean;
  /** Files of its certificate and key: it speaks TLS then. */
  readonly tls?: { readonly certificate: string; readonly key: string };
};

/** docker-registry as Debian ships it, on a free loopback port, its storage in a folder that goes with it. */
export async function startDockerRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const { tls } = options;
  const folder = temporaryFolder();
  const address = `127.0.0.1:${await freePort()}`;
  const config = folder.at("config.yml");
  const log = folder.at("log");
  const storage = folder.at("storage");
  writeFileSync(
    config,
    [
      "version: 0.1",
      "log: {level: error, accesslog: {disabled: false}}",
      "storage:",
      `  filesystem: {rootdirectory: ${storage}}`,
      "  delete: {enabled: true}",
      `  maintenance: {readonly: {enabled: ${options.isReadOnly === true}}}`,
      "http:",
      `  addr: ${address}`,
      ...(tls === undefined ? [] : [`  tls: {certificate: ${tls.certificate}, key: ${tls.key}}`]),
      ...(options.auth ?? []),
    ].join("\n"),
  );
  writeFileSync(log, "");
  const child = spawn("/bin/sh", ["-c", 'exec docker-registry serve "$0" >"$1" 2>&1', config, log]);
  await isUp(address, child, log);
  let forgotten = 0;
  const lines = () => readFileSync(log, "utf8").split("\n").flatMap(accessOf);
  const settled = async () => {
    // The log line follows the answer by moments.
    await pause(100);
    return lines();
  };
  return {
    address,
    storage,
    accesses: async () => (await settled()).slice(forgotten),
    forget: async () => {
      forgotten = (await settled()).length;
    },
    [Symbol.asyncDispose]: async () => {
      await stopped(child);
      folder[Symbol.dispose]();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function isUp(address: string, child: ChildProcess, log: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`http://${address}/v2/`).catch(() => undefined);
    // With TLS it says 400 to plain HTTP.
    if (answer !== undefined) return;
    await pause(50);
  }
  throw new Error(`docker-registry did not start: ${readFileSync(log, "utf8")}`);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** Combined log format: `host - - [time] "METHOD path HTTP/1.1" status size …`. */
function accessOf(line: string): AccessLine[] {
  const match = /"(GET|HEAD|POST|PUT|PATCH|DELETE) (\S+) HTTP\/1\.1" (\d{3}) /.exec(line);
  return match === null
    ? []
    : [{ method: match[1]!, path: match[2]!.split("?")[0]!, status: Number(match[3]) }];
}
