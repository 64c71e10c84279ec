import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { readArchive } from "../../src/ecosystems/python/archive.ts";
import { archiveInMemory } from "../../src/ecosystems/python/zip/archive-file.ts";
import type { DistributionFile } from "./distributions.ts";

export type PythonIndexOptions = {
  /** `json` answers PEP 691 to who accepts it, `html` never does. Default `html`. */
  readonly format?: "html" | "json";
  /** Asked for everything, by HTTP Basic. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Sizes in JSON (PEP 700). Default true. */
  readonly hasSizes?: boolean;
  /** Digests in links. Default true. */
  readonly hasHashes?: boolean;
  /** Clients may keep files for good, and pages as long as an entity tag holds. Default false. */
  readonly isCacheable?: boolean;
};

export type IndexRequest = {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly range?: string;
  readonly hasCredentials: boolean;
};

export type PythonIndex = AsyncDisposable & {
  /** `http://127.0.0.1:PORT/simple/`, without credentials. */
  readonly url: string;
  /** The same with the user name and password in it. */
  readonly urlWithCredentials: string;
  /** One page of links to all files, for find-links. */
  readonly flatUrl: string;
  readonly origin: string;
  readonly log: IndexRequest[];
  add(...files: readonly DistributionFile[]): void;
  remove(filename: string): void;
};

/**
 * A package index on loopback: the simple API in HTML and JSON (PEP 503, 629, 691), metadata of wheels beside them
 * (PEP 658, 714), Range, optional Basic authentication, and a log of what was asked. `files` may be a folder of them, such as pip downloads into.
 */
export async function startPythonIndex(
  files: readonly DistributionFile[] | string,
  options: PythonIndexOptions = {},
): Promise<PythonIndex> {
  const held = new Map<string, Held>();
  const log: IndexRequest[] = [];
  const server = createServer((request, response) => {
    const hasCredentials = request.headers.authorization !== undefined;
    const path = request.url ?? "/";
    response.on("finish", () => {
      const range = request.headers.range;
      log.push({
        method: request.method ?? "",
        path,
        status: response.statusCode,
        hasCredentials,
        ...(range === undefined ? {} : { range }),
      });
    });
    if (!isAllowed(request, options)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="index"' }).end("credentials, please");
    } else answer(request, response, held, options);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const add = (...more: readonly DistributionFile[]) => {
    for (const file of more) held.set(file.filename, hold(file));
  };
  add(...(typeof files === "string" ? distributionsIn(files) : files));
  const { username = "", password = "" } = options.credentials ?? {};
  const userinfo =
    options.credentials === undefined
      ? ""
      : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  return {
    origin,
    url: `${origin}/simple/`,
    flatUrl: `${origin}/flat/`,
    urlWithCredentials: `${origin.replace("//", `//${userinfo}`)}/simple/`,
    log,
    add,
    remove: (filename) => {
      held.delete(filename);
    },
    [Symbol.asyncDispose]: () => close(server),
  };
}

function distributionsIn(folder: string): DistributionFile[] {
  return readdirSync(folder)
    .filter((name) => /\.(whl|tar\.gz|zip)$/.test(name))
    .map((filename) => ({ filename, bytes: readFileSync(join(folder, filename)) }));
}

type Held = DistributionFile & {
  readonly project: string;
  readonly sha256: string;
  readonly metadata?: Buffer;
};

function hold(file: DistributionFile): Held {
  const stem = file.filename.endsWith(".whl")
    ? file.filename.split("-")[0]!
    : file.filename.replace(/-\d.*$/, "");
  const sha256 = createHash("sha256").update(file.bytes).digest("hex");
  return { ...file, project: stem.toLowerCase().replace(/[-_.]+/g, "-"), sha256, ...metadataOf(file) };
}

/** Nothing for a wheel that is broken on purpose: such an index has no metadata beside it either. */
function metadataOf({ filename, bytes }: DistributionFile): { metadata?: Buffer } {
  if (!filename.endsWith(".whl")) return {};
  try {
    const { members } = readArchive(archiveInMemory(bytes, filename), filename);
    const name = `${filename.split("-").slice(0, 2).join("-")}.dist-info/METADATA`;
    const member = members.find((it) => it.name === name);
    if (member === undefined) return {};
    const raw = bytes.subarray(member.dataOffset, member.dataOffset + member.compressedBytes);
    return { metadata: member.compression === "deflate" ? inflateRawSync(raw) : Buffer.from(raw) };
  } catch {
    return {};
  }
}

function isAllowed(request: IncomingMessage, { credentials }: PythonIndexOptions): boolean {
  if (credentials === undefined) return true;
  const pair = Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
  return request.headers.authorization === `Basic ${pair}`;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  held: ReadonlyMap<string, Held>,
  options: PythonIndexOptions,
): void {
  const path = decodeURIComponent((request.url ?? "/").replace(/[?#].*$/, ""));
  const files = [...held.values()];
  if (path === "/flat/") {
    page(request, response, files, options, "/flat/");
    return;
  }
  const project = /^\/simple\/([a-z0-9-]+)\/$/.exec(path)?.[1];
  if (project !== undefined) {
    const own = files.filter((file) => file.project === project);
    if (own.length > 0) {
      page(request, response, own, options, path);
      return;
    }
  }
  const filename = /^\/files\/([^/]+?)(\.metadata)?$/.exec(path);
  const file = filename === null ? undefined : held.get(filename[1]!);
  if (file === undefined) {
    response.writeHead(404).end("not here");
    return;
  }
  if (options.isCacheable === true)
    response.setHeader("cache-control", "public, max-age=31536000, immutable");
  body(request, response, filename![2] === undefined ? file.bytes : (file.metadata ?? Buffer.alloc(0)));
}

function page(
  request: IncomingMessage,
  response: ServerResponse,
  files: readonly Held[],
  options: PythonIndexOptions,
  path: string,
): void {
  const isJson =
    options.format === "json" &&
    (request.headers.accept ?? "").includes("application/vnd.pypi.simple.v1+json");
  // Links are relative, as many mirrors write them.
  const link = ({ filename }: Held) =>
    `${"../".repeat(path.split("/").length - 2)}files/${encodeURIComponent(filename)}`;
  const hasHashes = options.hasHashes ?? true;
  if (isJson) {
    const body = {
      meta: { "api-version": "1.1" },
      name: files[0]?.project ?? "",
      files: files.map((file) => ({
        filename: file.filename,
        url: link(file),
        hashes: hasHashes ? { sha256: file.sha256 } : {},
        ...(file.requiresPython === undefined ? {} : { "requires-python": file.requiresPython }),
        ...(file.isYanked === undefined ? {} : { yanked: file.isYanked }),
        ...(file.metadata === undefined ? {} : { "core-metadata": true }),
        ...((options.hasSizes ?? true) ? { size: file.bytes.length } : {}),
      })),
    };
    response
      .writeHead(200, { "content-type": "application/vnd.pypi.simple.v1+json" })
      .end(JSON.stringify(body));
    return;
  }
  const links = files.map((file) => {
    const python = file.requiresPython
      ?.replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;");
    const attributes = [
      python === undefined ? "" : ` data-requires-python="${python}"`,
      file.isYanked === true ? ' data-yanked=""' : "",
      file.metadata === undefined ? "" : ' data-dist-info-metadata="true" data-core-metadata="true"',
    ].join("");
    return `<a href="${link(file)}${hasHashes ? `#sha256=${file.sha256}` : ""}"${attributes}>${file.filename}</a><br/>`;
  });
  const html = `<!DOCTYPE html><html><body>\n${links.join("\n")}\n</body></html>\n`;
  if (options.isCacheable === true) {
    const tag = `"${createHash("sha256").update(html).digest("hex")}"`;
    response.setHeader("etag", tag).setHeader("cache-control", "public, max-age=600");
    if (request.headers["if-none-match"] === tag) {
      response.writeHead(304).end();
      return;
    }
  }
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
}

function body(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
  const headers = { "accept-ranges": "bytes", "content-type": "application/octet-stream" };
  if (range === null) {
    response.writeHead(200, { ...headers, "content-length": bytes.length });
    response.end(request.method === "HEAD" ? undefined : bytes);
    return;
  }
  const start = range[1] === "" ? Math.max(0, bytes.length - Number(range[2])) : Number(range[1]);
  const end =
    range[1] === "" || range[2] === "" ? bytes.length : Math.min(Number(range[2]) + 1, bytes.length);
  if (start >= bytes.length || start >= end) {
    response.writeHead(416, { ...headers, "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  response.writeHead(206, {
    ...headers,
    "content-range": `bytes ${start}-${end - 1}/${bytes.length}`,
    "content-length": end - start,
  });
  response.end(request.method === "HEAD" ? undefined : bytes.subarray(start, end));
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
