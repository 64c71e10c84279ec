import { CambiumError } from "../errors.ts";
import type { Emit } from "../events.ts";
import type { Descriptor, Digest } from "../layer/digest.ts";
import { referrersTag } from "../registry/read-listings.ts";
import type { BuildRecord } from "./build-record.ts";
import { isStagesRecord, recordFrom, recordRow, stagesRecordFrom } from "./record-artifact.ts";
import type { Remote } from "./remote.ts";
import type { StagesRecord } from "./stages-record.ts";

/** A record that was found, and the place that has its listings and layers. */
export type Found<Kind> = {
  readonly record: Kind;
  readonly remote: Remote;
  /** What the image's name leads to. */
  readonly root: Digest;
};
export type FoundRecord = Found<BuildRecord>;

/**
 * The build record beside an image, by the image's tag or digest; undefined: there is none. Whatever is wrong with it is
 * a warning: a build can do without.
 * @throws CambiumError as `Remote` where the place itself fails.
 */
export function readRecord(remote: Remote, head: string, emit: Emit): Promise<FoundRecord | undefined> {
  return readKind(remote, head, emit, (manifest) =>
    isStagesRecord(manifest) ? "other" : recordFrom(manifest),
  );
}

/** As `readRecord`, of a build in stages. */
export function readStagesRecord(
  remote: Remote,
  head: string,
  emit: Emit,
): Promise<Found<StagesRecord> | undefined> {
  return readKind(remote, head, emit, (manifest) =>
    isStagesRecord(manifest) ? stagesRecordFrom(manifest) : "other",
  );
}

async function readKind<Kind extends object>(
  remote: Remote,
  head: string,
  emit: Emit,
  decode: (manifest: Uint8Array) => Kind | "other" | undefined,
): Promise<Found<Kind> | undefined> {
  const root = head.startsWith("sha256:") ? head : await remote.manifestDigest(head);
  if (root === undefined) return undefined;
  const manifest = await recordManifest(remote, root as Digest).catch((error: unknown) => {
    if (!isDamage(error)) throw error;
    warnOfRecord(remote, error.message, emit);
    return undefined;
  });
  if (manifest === undefined) return undefined;
  const record = decode(manifest);
  // What was put there before was built from something else.
  if (record === "other") return undefined;
  if (record === undefined) {
    warnOfRecord(remote, "it is damaged, or of another version of Cambium", emit);
    return undefined;
  }
  return { record, remote, root: root as Digest };
}

/** The fallback tag first: it has the record itself, where the API of newer registries would be two requests more. */
async function recordManifest(remote: Remote, root: Digest): Promise<Uint8Array | undefined> {
  const index = await remote.manifest(referrersTag(root));
  const row = index === undefined ? undefined : recordRow(index.bytes);
  if (row === undefined) return undefined;
  const manifest = row.manifest ?? (await remote.manifest(row.digest))?.bytes;
  if (manifest === undefined) throw new CambiumError("MANIFEST_UNKNOWN", `there is no ${row.digest}`);
  return manifest;
}

/** What a place has there is wrong, and not the place. */
function isDamage(error: unknown): error is CambiumError {
  const codes = /^(MANIFEST_|BLOB_UNKNOWN$|DIGEST_INVALID$|SIZE_INVALID$)/;
  return error instanceof CambiumError && codes.test(error.code);
}

export function warnOfRecord({ name }: Pick<Remote, "name">, problem: string, emit: Emit): void {
  const message = `the build record of ${name} is not used: ${problem}`;
  emit({ type: "warning", code: "RECORD_UNREADABLE", message });
}

/** A config or a listing as bytes, held to its digest. @throws CambiumError as `Remote`. */
export async function readSmallBlob(
  remote: Pick<Remote, "blob">,
  descriptor: Pick<Descriptor, "digest" | "size">,
): Promise<Uint8Array> {
  if (descriptor.size > MAX_SMALL_BYTES) {
    throw new CambiumError("SIZE_INVALID", `${descriptor.digest}: ${descriptor.size} bytes are no document`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of remote.blob(descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A listing of a layer with a million files is smaller. */
const MAX_SMALL_BYTES = 256 << 20;
