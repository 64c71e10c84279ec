import { CambiumError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import { redactUrl } from "../../fetch/redact.ts";
import { type Digest, digestOf, hexOf } from "../../layer/digest.ts";
import type { Store } from "../../store/store.ts";
import { readIndexBlob } from "./index-blob.ts";
import { archiveKeys } from "./keyring.ts";
import type { Architecture, Archive, Suite } from "./lock.ts";
import { type Mirrors, mirrorUnknown } from "./mirror.ts";
import { openTable, type PackageTable, TABLE_VERSION } from "./package-table.ts";
import { type IndexFile, type Release, verifyRelease } from "./release.ts";
import { type Pocket, pocketsOf } from "./suites.ts";

/** What fetching an index needs of an HTTP client: small documents, 404 given and not thrown when allowed. */
export type DocumentClient = {
  document(
    url: string,
    options: { readonly maxBytes: number; readonly name: string; readonly allow404?: boolean },
  ): Promise<{ readonly status: number; readonly bytes: Uint8Array }>;
};

export type DebianTools = {
  readonly client: DocumentClient;
  /** Keeps condensed indices between runs. */
  readonly store: Pick<Store, "records" | "blobs">;
  readonly emit: Emit;
  /** `putIndexBlob`, wherever it runs. */
  readonly putIndex: (packed: Uint8Array, where: string) => Promise<Digest>;
  /** Armored keys that may sign an archive's index; the shipped ones unless a test has a mirror of its own. */
  readonly keysOf?: (archive: Archive) => readonly string[];
};

/** A main InRelease has 150 KB, `Packages.xz` 10 MB; some room for growth. */
const MAX_RELEASE_BYTES = 4 << 20;
const MAX_INDEX_BYTES = 64 << 20;
const RECORD_KIND = "debian-index";

/**
 * The verified package tables of a suite per architecture, in the order suite, updates, security.
 * @throws CambiumError `MIRROR_UNKNOWN` when no mirror gave a pocket, what `verifyRelease` throws, `DIGEST_INVALID`.
 */
export async function fetchTables(
  suite: Suite,
  architectures: readonly Architecture[],
  mirrors: Mirrors,
  now: Date,
  tools: DebianTools,
): Promise<Map<Architecture, PackageTable[]>> {
  // No index is fetched before every InRelease is good.
  const releases = await inOrder(
    pocketsOf(suite).map(async (pocket) => ({
      pocket,
      ...(await fetchRelease(pocket, mirrors, now, tools)),
    })),
  );
  const perPocket = await inOrder(
    releases.map(({ pocket, root, release }) =>
      inOrder(architectures.map((architecture) => fetchTable(pocket, root, release, architecture, tools))),
    ),
  );
  return new Map(
    architectures.map((architecture, index) => [
      architecture,
      perPocket.map((tables) => tables[index]).filter((table) => table !== undefined),
    ]),
  );
}

/** Waits for all, and throws what the first in order threw: the same mistake gives the same message each time. */
async function inOrder<T>(all: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(all);
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/** The first mirror whose InRelease is Debian's own and fresh. When none is, the gravest reason is thrown. */
async function fetchRelease(
  pocket: Pocket,
  mirrors: Mirrors,
  now: Date,
  tools: DebianTools,
): Promise<{ root: string; release: Release }> {
  const keys = (tools.keysOf ?? archiveKeys)(pocket.archive);
  let failure: unknown;
  for (const root of mirrors[pocket.archive]) {
    const url = `${root}/dists/${pocket.folder}/InRelease`;
    try {
      const { status, bytes } = await tools.client.document(url, {
        maxBytes: MAX_RELEASE_BYTES,
        name: `${pocket.folder} InRelease`,
        allow404: true,
      });
      if (status === 404) continue;
      const where = redactUrl(url);
      return { root, release: await verifyRelease(bytes, keys, pocket.folder, now, where) };
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  const tried = mirrors[pocket.archive].map(redactUrl).join(", ");
  throw mirrorUnknown(`none of these has dists/${pocket.folder}/InRelease: ${tried}`);
}

async function fetchTable(
  pocket: Pocket,
  root: string,
  release: Release,
  architecture: Architecture,
  tools: DebianTools,
): Promise<PackageTable> {
  const path = `main/binary-${architecture}/Packages.xz`;
  const file = release.files.get(path);
  if (file === undefined) {
    throw new CambiumError("RELEASE_SYNTAX", `${pocket.folder}: InRelease does not list ${path}`);
  }
  const known = knownIndex(file, tools);
  if (known !== undefined) return openTable(pocket.archive, known);
  const where = `${pocket.folder} ${path}`;
  const digest = await tools.putIndex(await fetchIndex(pocket, root, release, path, file, tools), where);
  tools.store.records.put(RECORD_KIND, recordKey(file), digest);
  const made = readIndexBlob(digest, tools.store.blobs);
  if (made === undefined) throw new CambiumError("BLOB_UNKNOWN", `not in the store any more: ${where}`);
  return openTable(pocket.archive, made);
}

/** By hash where the archive offers it, since the plain name may change between InRelease and this request. */
async function fetchIndex(
  pocket: Pocket,
  root: string,
  release: Release,
  path: string,
  file: IndexFile,
  tools: DebianTools,
): Promise<Uint8Array> {
  if (file.sizeBytes > MAX_INDEX_BYTES) {
    throw new CambiumError(
      "SIZE_INVALID",
      `${pocket.folder} ${path}: ${file.sizeBytes} bytes is beyond ${MAX_INDEX_BYTES}`,
    );
  }
  const folder = path.slice(0, path.lastIndexOf("/"));
  const base = `${root}/dists/${pocket.folder}`;
  const byHash = `${base}/${folder}/by-hash/SHA256/${hexOf(file.sha256)}`;
  const urls = release.hasByHash ? [byHash, `${base}/${path}`] : [`${base}/${path}`];
  for (const [index, url] of urls.entries()) {
    const isLast = index === urls.length - 1;
    const { status, bytes } = await tools.client.document(url, {
      maxBytes: file.sizeBytes,
      name: `${pocket.folder} ${path}`,
      ...(isLast ? {} : { allow404: true }),
    });
    if (status === 404 && !isLast) continue;
    const got = digestOf(bytes);
    if (got !== file.sha256) {
      throw new CambiumError(
        "DIGEST_INVALID",
        `${redactUrl(url)}: want ${file.sha256} (${file.sizeBytes} bytes), got ${got} (${bytes.length} bytes)`,
        {
          hint: "The mirror is being updated or broken: try again, or use another one (--debian-mirror URL).",
        },
      );
    }
    return bytes;
  }
  throw mirrorUnknown(`${pocket.folder} ${path} is missing`);
}

/** An index seen before, condensed. */
function knownIndex(file: IndexFile, { store }: DebianTools): Buffer | undefined {
  const digest = store.records.get(RECORD_KIND, recordKey(file)) as Digest | undefined;
  return digest === undefined ? undefined : readIndexBlob(digest, store.blobs);
}

function recordKey(file: IndexFile): string {
  return `${TABLE_VERSION} ${hexOf(file.sha256)}`;
}
