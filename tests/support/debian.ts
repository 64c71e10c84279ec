import { chmodSync, lchownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { generateBase } from "../../src/ecosystems/debian/generate-base.ts";
import { putIndexBlob } from "../../src/ecosystems/debian/index-blob.ts";
import { type DebianTools, fetchTables } from "../../src/ecosystems/debian/indices.ts";
import type {
  Architecture,
  DebianLock,
  LockedDeb,
  Suite,
  Variant,
} from "../../src/ecosystems/debian/lock.ts";
import { debUrls, type Mirrors, resolveMirrors } from "../../src/ecosystems/debian/mirror.ts";
import type { PackageTable } from "../../src/ecosystems/debian/package-table.ts";
import { resolveDebian } from "../../src/ecosystems/debian/resolve.ts";
import type { ShippedDeb } from "../../src/ecosystems/debian/shipped.ts";
import { transcodeDeb } from "../../src/ecosystems/debian/transcode.ts";
import { createHttpClient, type HttpClient } from "../../src/fetch/client.ts";
import { downloadBlob } from "../../src/fetch/download.ts";
import type { UserOp } from "../../src/graph/definition.ts";
import type { Segment } from "../../src/layer/segment.ts";
import { openStore, type Store } from "../../src/store/store.ts";

/** A store and the mirror that the host's apt uses: everything that building a base from real packages takes. */
export type DebianWorkshop = {
  readonly store: Store;
  readonly client: HttpClient;
  readonly mirrors: Mirrors;
  readonly tools: DebianTools;
};

export type BuiltBase = {
  readonly lock: DebianLock;
  readonly debs: readonly { readonly deb: LockedDeb; readonly segment: Segment }[];
  readonly generated: readonly Segment[];
  readonly segments: readonly Segment[];
  readonly transcodeMs: number;
  /** Content of a file of any segment. */
  read(path: string): Uint8Array | undefined;
};

export function openWorkshop(root: string): DebianWorkshop & AsyncDisposable {
  const store = openStore(root);
  const emit = (): void => undefined;
  const client = createHttpClient({ env: process.env }, emit);
  return {
    store,
    client,
    mirrors: resolveMirrors({}),
    tools: { client, store, emit, putIndex: (packed, where) => putIndexBlob(packed, where, store.blobs) },
    async [Symbol.asyncDispose]() {
      await client.close();
      store.close();
    },
  };
}

export function lockFor(
  workshop: DebianWorkshop,
  suite: Suite,
  variant: Variant,
  architectures: readonly Architecture[],
  packages: readonly string[] = [],
): Promise<DebianLock> {
  const { mirrors, tools } = workshop;
  return resolveDebian(
    { suite, variant, packages, architectures, mirrors, now: new Date(), upgrade: false },
    tools,
  );
}

export async function tablesFor(
  workshop: DebianWorkshop,
  suite: Suite,
  architecture: Architecture,
): Promise<PackageTable[]> {
  const tables = await fetchTables(suite, [architecture], workshop.mirrors, new Date(), workshop.tools);
  return tables.get(architecture) ?? [];
}

/** Brings packages into the store and gives their paths. */
export function download(workshop: DebianWorkshop, debs: readonly LockedDeb[]): Promise<string[]> {
  const { store, client, mirrors } = workshop;
  return Promise.all(
    debs.map(async (deb) => {
      const want = {
        urls: debUrls(deb, mirrors),
        digest: deb.sha256,
        sizeBytes: deb.sizeBytes,
        name: deb.name,
      };
      await downloadBlob(store, client, want);
      return store.blobs.path(deb.sha256);
    }),
  );
}

/** Resolves, downloads, transcodes and generates one target. */
export async function buildBase(
  workshop: DebianWorkshop,
  lock: DebianLock,
  architecture: Architecture,
  users: readonly UserOp[] = [],
): Promise<BuiltBase> {
  const { store } = workshop;
  const locked = lock.targets[architecture] ?? [];
  const paths = await download(workshop, locked);
  const started = performance.now();
  const debs: { deb: LockedDeb; segment: Segment }[] = [];
  const shipped = new Map<string, ShippedDeb>();
  for (const [index, deb] of locked.entries()) {
    const archivePath = paths[index] ?? "";
    const input = { archive: deb.sha256, archivePath, deb, keep: [] };
    const made = await transcodeDeb(input, store.blobs);
    debs.push({ deb, segment: made.segment });
    shipped.set(deb.name, made.shipped);
  }
  const transcodeMs = performance.now() - started;
  const readDebs = readerOf(
    store,
    debs.map(({ segment }) => segment),
  );
  const generated = generateBase(
    { debs, suite: lock.suite, architecture, users, readFile: readDebs, keep: [], shipped },
    store.blobs,
  );
  const segments = [...debs.map(({ segment }) => segment), ...generated];
  return { lock, debs, generated, segments, transcodeMs, read: readerOf(store, segments) };
}

/** Compressed size of what segments hold, each payload once. */
export function compressedSize(segments: readonly Segment[]): number {
  const payloads = new Map<string, number>();
  for (const entry of segments.flatMap((segment) => segment.entries)) {
    if (entry.type !== "file" || entry.payload === undefined) continue;
    payloads.set(`${entry.payload.blob} ${entry.payload.offset}`, entry.payload.length);
  }
  return [...payloads.values()].reduce((sum, size) => sum + size, 0);
}

/** Writes segments as a file tree, with owners: needs root. Written for tests alone, apart from the product's composer. */
export function writeRootfs(base: BuiltBase, root: string): void {
  const entries = base.segments.flatMap((segment) => segment.entries);
  for (const entry of entries.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))) {
    const path = join(root, entry.path);
    mkdirSync(dirname(path), { recursive: true });
    if (entry.type === "directory") mkdirSync(path, { recursive: true });
    else if (entry.type === "symlink") symlinkSync(entry.target, path);
    else if (entry.type === "hardlink") linkSync(join(root, entry.target), path);
    else writeFileSync(path, base.read(entry.path) ?? new Uint8Array(0), { flag: "wx" });
    lchownSync(path, entry.uid, entry.gid);
    if (entry.type === "file" || entry.type === "directory") chmodSync(path, entry.mode);
  }
}

function readerOf(store: Store, segments: readonly Segment[]): (path: string) => Uint8Array | undefined {
  const files = new Map(
    segments.flatMap((segment) => segment.entries.map((entry) => [entry.path, entry] as const)),
  );
  return (path) => {
    const entry = files.get(path);
    if (entry?.type === "hardlink") return readerOf(store, segments)(entry.target);
    if (entry?.type !== "file") return undefined;
    if (entry.payload === undefined) return new Uint8Array(0);
    const deflated = new Uint8Array(entry.payload.length);
    store.blobs.read(entry.payload.blob, entry.payload.offset, deflated);
    return inflateRawSync(deflated);
  };
}
