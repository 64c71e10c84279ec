/**
 * `node bench/debian-mirror-server.ts`: a mirror of Debian on loopback that fetches each file once from the mirrors of
 * this machine's apt and serves it from disk afterwards, so that a cold base is a matter of this machine alone.
 * `/debian` and `/debian-security` are the roots. What changes in place (InRelease) is fetched anew at every start.
 */
import { createReadStream, existsSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { type Mirrors, resolveMirrors } from "../src/ecosystems/debian/mirror.ts";
import { messageOf } from "../src/errors.ts";
import { createHttpClient } from "../src/fetch/client.ts";
import { benchCache } from "./folders.ts";

const MAX_BYTES = 256 << 20;

const folder = join(benchCache, "debian-mirror");
const mirrors: Mirrors = resolveMirrors({});
const client = createHttpClient({ env: process.env }, () => undefined);
const fetched = new Map<string, Promise<boolean>>();

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    response.writeHead(502).end(messageOf(error));
  });
});
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, archive, path] =
    /^\/(debian|debian-security)\/((?:dists|pool)\/[\w.+~:/-]+)$/.exec(
      decodeURIComponent(request.url ?? ""),
    ) ?? [];
  if (archive === undefined || path === undefined || path.includes("..")) {
    response.writeHead(404).end();
    return;
  }
  const local = join(folder, archive, path);
  const bring = fetched.get(local) ?? fetchOnce(archive as keyof Mirrors, path, local);
  fetched.set(local, bring);
  if (!(await bring)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-length": statSync(local).size });
  if (request.method === "HEAD") response.end();
  else createReadStream(local, { highWaterMark: 1 << 20 }).pipe(response);
}

async function fetchOnce(archive: keyof Mirrors, path: string, local: string): Promise<boolean> {
  if (existsSync(local) && !path.endsWith("InRelease")) return true;
  for (const mirror of mirrors[archive]) {
    const encoded = path.split("/").map((part) => encodeURIComponent(part).replaceAll("%2B", "+"));
    const url = `${mirror}/${encoded.join("/")}`;
    const options = { name: path, maxBytes: MAX_BYTES, allow404: true };
    const answered = await client.document(url, options).catch(() => undefined);
    if (answered?.status !== 200) continue;
    mkdirSync(dirname(local), { recursive: true });
    writeFileSync(`${local}.tmp`, answered.bytes);
    renameSync(`${local}.tmp`, local);
    return true;
  }
  return existsSync(local);
}
