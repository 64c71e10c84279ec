import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export type MemoryAccess = {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
};

/** What stands before the registry: answers itself and returns true, or lets the request pass. */
export type Hook = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => boolean | undefined | Promise<boolean | undefined>;

export type MemoryRegistry = AsyncDisposable & {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly log: MemoryAccess[];
  /** Blobs and manifests by repository and digest: `app@sha256:…`. */
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  /** `app:1` → digest. */
  readonly tags: Map<string, string>;
  hook: Hook | undefined;
  /** Said with every upload. */
  minChunkBytes: number | undefined;
  /** Tags or referrers on a page. */
  pageSize: number;
  hasReferrers: boolean;
  /** The next upload that comes to so many bytes is cut there, and its session keeps them. */
  cutUploadAt: number | undefined;
};

type Upload = { repository: string; bytes: Buffer };

/** The distribution spec over memory, strict about offsets and digests, on a loopback port. */
export async function startMemoryRegistry(): Promise<MemoryRegistry> {
  const uploads = new Map<string, Upload>();
  let sessions = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://registry.invalid");
    registry.log.push({
      method: request.method ?? "",
      url: url.pathname + url.search,
      headers: request.headers,
    });
    handle(request, response, url).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");

  const registry: MemoryRegistry = {
    address: `127.0.0.1:${address.port}`,
    log: [],
    blobs: new Map(),
    manifests: new Map(),
    tags: new Map(),
    hook: undefined,
    minChunkBytes: undefined,
    pageSize: 1000,
    hasReferrers: true,
    cutUploadAt: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<unknown> {
    if (await registry.hook?.(request, response, url)) return;
    const match = /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/(.*)$/.exec(url.pathname);
    if (match === null) return refuse(response, 404, "NAME_UNKNOWN");
    const [, repository = "", kind, rest = ""] = match;
    if (kind === "blobs/uploads") return upload(request, response, url, repository, rest);
    if (kind === "blobs") return blob(request, response, repository, rest);
    if (kind === "manifests") return manifest(request, response, repository, rest);
    return list(response, url, repository, kind === "tags" ? undefined : rest);
  }

  function blob(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    digest: string,
  ): unknown {
    const bytes = registry.blobs.get(`${repository}@${digest}`);
    if (bytes === undefined) return refuse(response, 404, "BLOB_UNKNOWN");
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const part = bytes.subarray(start);
    const range = { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": part.length,
      "docker-content-digest": digest,
      ...(start > 0 && range),
    });
    return response.end(request.method === "HEAD" ? undefined : part);
  }

  async function upload(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    repository: string,
    id: string,
  ): Promise<void> {
    if (request.method === "POST") {
      const mounted = url.searchParams.get("mount");
      const found = registry.blobs.get(`${url.searchParams.get("from")}@${mounted}`);
      if (mounted !== null && found !== undefined) {
        registry.blobs.set(`${repository}@${mounted}`, found);
        response.writeHead(201, { location: `/v2/${repository}/blobs/${mounted}` }).end();
        return;
      }
      const fresh = `s${++sessions}`;
      uploads.set(fresh, { repository, bytes: Buffer.alloc(0) });
      return session(response, 202, repository, fresh);
    }
    const open = uploads.get(id);
    if (open === undefined || open.repository !== repository)
      return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN");
    if (request.method === "GET") return session(response, 204, repository, id);
    const range = request.headers["content-range"];
    if (range !== undefined && Number(range.split("-")[0]) !== open.bytes.length)
      return refuse(response, 416, "BLOB_UPLOAD_INVALID");
    for await (const chunk of request) {
      open.bytes = Buffer.concat([open.bytes, chunk as Buffer]);
      if (registry.cutUploadAt === undefined || open.bytes.length < registry.cutUploadAt) continue;
      open.bytes = open.bytes.subarray(0, registry.cutUploadAt);
      registry.cutUploadAt = undefined;
      request.socket.resetAndDestroy();
      return;
    }
    if (request.method === "PATCH") return session(response, 202, repository, id);
    const digest = url.searchParams.get("digest") ?? "";
    uploads.delete(id);
    if (digestOf(open.bytes) !== digest) return refuse(response, 400, "DIGEST_INVALID");
    registry.blobs.set(`${repository}@${digest}`, open.bytes);
    response.writeHead(201, { "docker-content-digest": digest }).end();
  }

  function session(response: ServerResponse, status: number, repository: string, id: string): void {
    const size = uploads.get(id)?.bytes.length ?? 0;
    response
      .writeHead(status, {
        location: `/v2/${repository}/blobs/uploads/${id}?state=${size}`,
        range: `0-${Math.max(0, size - 1)}`,
        ...(registry.minChunkBytes !== undefined && { "oci-chunk-min-length": registry.minChunkBytes }),
      })
      .end();
  }

  async function manifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    reference: string,
  ): Promise<void> {
    if (request.method === "PUT") {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      const digest = digestOf(bytes);
      registry.manifests.set(`${repository}@${digest}`, {
        type: request.headers["content-type"] ?? "",
        bytes,
      });
      if (reference !== digest) registry.tags.set(`${repository}:${reference}`, digest);
      response.writeHead(201, { "docker-content-digest": digest }).end();
      return;
    }
    const digest = registry.tags.get(`${repository}:${reference}`) ?? reference;
    const key = `${repository}@${digest}`;
    const found = registry.manifests.get(key);
    if (found === undefined) return refuse(response, 404, "MANIFEST_UNKNOWN");
    if (request.method === "DELETE") {
      registry.manifests.delete(key);
      response.writeHead(202).end();
      return;
    }
    response.writeHead(200, {
      "content-type": found.type,
      "content-length": found.bytes.length,
      "docker-content-digest": digest,
    });
    response.end(request.method === "HEAD" ? undefined : found.bytes);
  }

  function list(
    response: ServerResponse,
    url: URL,
    repository: string,
    subject: string | undefined,
  ): unknown {
    if (subject !== undefined && !registry.hasReferrers) return refuse(response, 404, "UNSUPPORTED");
    const rows = subject === undefined ? tagsOf(repository) : referrersOf(repository, subject);
    if (subject === undefined && rows.length === 0) return refuse(response, 404, "NAME_UNKNOWN");
    const start = Number(url.searchParams.get("start") ?? 0);
    const end = start + registry.pageSize;
    const more = end < rows.length;
    response.writeHead(200, { ...(more && { link: `<${url.pathname}?start=${end}>; rel="next"` }) });
    const page = rows.slice(start, end);
    return response.end(
      JSON.stringify(
        subject === undefined ? { name: repository, tags: page } : { schemaVersion: 2, manifests: page },
      ),
    );
  }

  function tagsOf(repository: string): unknown[] {
    const names = [...registry.tags.keys()];
    return names.flatMap((name) => (name.startsWith(`${repository}:`) ? [name.split(":")[1]] : [])).sort();
  }

  function referrersOf(repository: string, subject: string): unknown[] {
    return [...registry.manifests].flatMap(([key, { type, bytes }]) => {
      const document = JSON.parse(bytes.toString("utf8")) as {
        artifactType?: string;
        subject?: { digest: string };
      };
      if (!key.startsWith(`${repository}@`) || document.subject?.digest !== subject) return [];
      const { artifactType } = document;
      return [{ mediaType: type, digest: digestOf(bytes), size: bytes.length, artifactType }];
    });
  }

  return registry;
}

export function refuse(response: ServerResponse, status: number, code: string, message = "refused"): void {
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ errors: [{ code, message }] }));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
