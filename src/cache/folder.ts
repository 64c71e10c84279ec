import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CambiumError, messageOf } from "../errors.ts";
import type { Blob } from "../image/manifest.ts";
import { MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";
import { type LayoutEntry, REF_NAME } from "../image/outputs/layout-documents.ts";
import { blobUnknown } from "../image/source.ts";
import { blobPath, readLayoutBlob, readSmallFile } from "../image/sources/layout-folder.ts";
import { verified } from "../image/verified.ts";
import { type Descriptor, type Digest, digestOf } from "../layer/digest.ts";
import type { Remote } from "./remote.ts";

/** A row of a folder's `index.json`; others' rows and members stay as they are. */
export type FolderRow = LayoutEntry & Descriptor;

const row = z.looseObject({
  mediaType: z.string().min(1),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .transform((text) => text as Digest),
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).exactOptional(),
});
const indexDocument = z.looseObject({ manifests: z.array(row) });

/** Tags of images that builds of ours left in a folder. */
const HEAD = /^cambium-image-[0-9a-f]{64}$/;

/**
 * An image layout folder (image-spec, image-layout.md) to read caches from. One that is not there, or is empty, has
 * nothing; it is read when first asked.
 */
export function openFolder(path: string): Remote {
  let known: Promise<readonly FolderRow[]> | undefined;
  const rows = () => (known ??= readRows(path));
  const find = async (reference: string) => {
    if (reference.startsWith("sha256:")) return reference as Digest;
    return (await rows()).find((one) => tagOf(one) === reference)?.digest;
  };
  return {
    name: path,
    place: { kind: "folder", path },
    // Who can read the folder can read what the keys are of.
    salt: "folder",
    heads: async (build) => {
      const tags = (await rows()).flatMap((one) => tagOf(one) ?? []).filter((tag) => HEAD.test(tag));
      return [...tags.filter((tag) => tag === build), ...tags.filter((tag) => tag !== build)];
    },
    manifest: async (reference) => {
      const digest = await find(reference);
      const found = digest === undefined ? undefined : await readDocument(path, digest);
      if (digest !== undefined && found === undefined && digest !== reference)
        throw blobUnknown(path, digest);
      return found;
    },
    manifestDigest: find,
    blob: (blob) => checked(path, blob),
    hasBlob: (blob) => isWhole(path, blob),
    tags: async () => (await rows()).flatMap((one) => tagOf(one) ?? []),
    uploadBlob: refused,
    putManifest: refused,
    deleteManifest: refused,
  };
}

/** What this process found to be other bytes than their name says, by folder: an export brings them again. */
const damagedBlobs = new Map<string, Set<Digest>>();

export function isDamaged(path: string, digest: Digest): boolean {
  return damagedBlobs.get(path)?.has(digest) === true;
}

/** From then on an export takes it for whole again. */
export function noteMended(path: string, digest: Digest): void {
  damagedBlobs.get(path)?.delete(digest);
}

function noteDamaged(path: string, digest: Digest): void {
  const known = damagedBlobs.get(path) ?? new Set();
  damagedBlobs.set(path, known.add(digest));
}

async function* checked(path: string, blob: Pick<Descriptor, "digest" | "size">): AsyncGenerator<Uint8Array> {
  try {
    yield* verified(readLayoutBlob(path, blob.digest), blob, `${path}: ${blob.digest}`);
  } catch (error) {
    noteDamaged(path, blob.digest);
    throw error;
  }
}

function refused(): never {
  throw new TypeError("a folder is written by its export");
}

export function tagOf({ annotations }: FolderRow): string | undefined {
  return annotations?.[REF_NAME];
}

/** The rows as they lie there, newest first; none where there is no folder, or nothing in it. @throws CambiumError `CACHE_DAMAGED`. */
export async function readRows(path: string): Promise<readonly FolderRow[]> {
  const text = await readSmallFile(join(path, "index.json")).catch(async (error: unknown) => {
    const names = await readdir(path).catch(() => []);
    // A first export that was killed leaves no more.
    if (names.every((name) => name === "blobs" || name === ".lock")) return undefined;
    throw damaged(path, messageOf(error), error);
  });
  if (text === undefined) return [];
  try {
    return indexDocument.parse(JSON.parse(text.toString("utf8"))).manifests;
  } catch (error) {
    throw damaged(path, messageOf(error), error);
  }
}

function damaged(path: string, problem: string, cause: unknown): CambiumError {
  return new CambiumError("CACHE_DAMAGED", `${path}: index.json cannot be used: ${problem}`, {
    hint: "Remove the folder: the next build fills it again.",
    cause,
  });
}

/** A manifest of the folder, held to its digest. Undefined where it is not there. */
async function readDocument(path: string, digest: Digest): Promise<Blob | undefined> {
  const bytes = await readSmallFile(blobPath(path, digest)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CambiumError("CACHE_DAMAGED", `${path}: ${digest}: ${messageOf(error)}`, { cause: error });
  });
  if (bytes === undefined) return undefined;
  const got = digestOf(bytes);
  if (got !== digest) {
    noteDamaged(path, digest);
    throw new CambiumError("DIGEST_INVALID", `${path}: want ${digest}, got ${got}`, {
      hint: "The folder was copied in part, or is damaged: the next export mends it.",
    });
  }
  return { bytes, descriptor: { mediaType: mediaTypeOf(bytes), digest, size: bytes.byteLength } };
}

function mediaTypeOf(bytes: Buffer): string {
  try {
    const { mediaType } = Object(JSON.parse(bytes.toString("utf8"))) as { mediaType?: unknown };
    return typeof mediaType === "string" ? mediaType : MANIFEST_MEDIA_TYPE;
  } catch {
    return MANIFEST_MEDIA_TYPE;
  }
}

/** Whether a folder has a blob, as far as a look at its size tells. */
export async function isWhole(
  path: string,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
): Promise<boolean> {
  const found = await stat(blobPath(path, digest)).catch(() => undefined);
  return found?.isFile() === true && found.size === size && !isDamaged(path, digest);
}
