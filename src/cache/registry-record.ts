import { CambiumError, messageOf } from "../errors.ts";
import type { Emit } from "../events.ts";
import type { BlobSource } from "../image/image.ts";
import { formatReference, type Reference } from "../image/reference.ts";
import type { Descriptor, Digest } from "../layer/digest.ts";
import type { RegistryAccess } from "../registry/access.ts";
import { referrersTag } from "../registry/read-listings.ts";
import { openRepository, type Repository } from "../registry/repository.ts";
import type { BuildRecord } from "./build-record.ts";
import {
  isStagesRecord,
  type RecordArtifact,
  recordFrom,
  recordRow,
  stagesRecordFrom,
  withRecord,
} from "./record-artifact.ts";
import type { StagesRecord } from "./stages-record.ts";

/** A record that was found, and the repository that has its listings and layers. */
export type Found<Kind> = {
  readonly record: Kind;
  readonly repository: Reference;
  /** What the image's name leads to. */
  readonly root: Digest;
};
export type FoundRecord = Found<BuildRecord>;

/**
 * The build record beside an image, by the image's tag or digest; undefined: there is none. Whatever is wrong with it is
 * a warning: a build can do without.
 */
export function readRecord(
  reference: Reference,
  access: RegistryAccess,
  emit: Emit,
): Promise<FoundRecord | undefined> {
  return readKind(reference, access, emit, (manifest) =>
    isStagesRecord(manifest) ? "other" : recordFrom(manifest),
  );
}

/** As `readRecord`, of a build in stages. */
export function readStagesRecord(
  reference: Reference,
  access: RegistryAccess,
  emit: Emit,
): Promise<Found<StagesRecord> | undefined> {
  return readKind(reference, access, emit, (manifest) =>
    isStagesRecord(manifest) ? stagesRecordFrom(manifest) : "other",
  );
}

async function readKind<Kind extends object>(
  reference: Reference,
  access: RegistryAccess,
  emit: Emit,
  decode: (manifest: Uint8Array) => Kind | "other" | undefined,
): Promise<Found<Kind> | undefined> {
  try {
    const repository = openRepository(reference, access);
    const root = reference.digest ?? (await repository.manifestDigest(reference.tag ?? "latest"));
    if (root === undefined) return undefined;
    const manifest = await recordManifest(repository, root as Digest);
    if (manifest === undefined) return undefined;
    const record = decode(manifest);
    // What was pushed there before was built from something else.
    if (record === "other") return undefined;
    if (record === undefined) {
      warn(reference, "it is damaged, or of another version of Cambium", emit);
      return undefined;
    }
    return { record, repository: reference, root: root as Digest };
  } catch (error) {
    access.signal?.throwIfAborted();
    warn(reference, messageOf(error), emit);
    return undefined;
  }
}

/** The fallback tag first: it has the record itself, where the API of newer registries would be two requests more. */
async function recordManifest(repository: Repository, root: Digest): Promise<Uint8Array | undefined> {
  const index = await repository.manifest(referrersTag(root));
  const row = index === undefined ? undefined : recordRow(index.bytes);
  if (row === undefined) return undefined;
  const manifest = row.manifest ?? (await repository.manifest(row.digest))?.bytes;
  if (manifest === undefined) throw new CambiumError("MANIFEST_UNKNOWN", `there is no ${row.digest}`);
  return manifest;
}

function warn(reference: Reference, problem: string, emit: Emit): void {
  const message = `the build record of ${formatReference(reference)} is not used: ${problem}`;
  emit({ type: "warning", code: "RECORD_UNREADABLE", message });
}

/**
 * Uploads the blobs of an image's build record, but for those that an earlier record is `known` to have brought: that is a
 * request for each layer. What it gives puts the record beside the image: its manifest, then the
 * index at the fallback tag, which takes the place of an earlier record and leaves other tools' referrers.
 * @throws CambiumError as `Repository`, both.
 */
export async function uploadRecord(
  repository: Repository,
  root: Digest,
  artifact: RecordArtifact,
  listings: readonly BlobSource[],
  known: ReadonlySet<Digest> = new Set(),
): Promise<() => Promise<void>> {
  const { config, manifest } = artifact;
  const document = { descriptor: config.descriptor, bytes: () => once(config.bytes) };
  const upload = (blobs: readonly BlobSource[]) =>
    Promise.all(blobs.map((blob) => repository.uploadBlob(blob)));
  await upload([...listings.filter(({ descriptor }) => !known.has(descriptor.digest)), document]);
  const put = () => repository.putManifest(manifest, manifest.descriptor.digest);
  return async () => {
    const tag = referrersTag(root);
    const [before] = await Promise.all([
      repository.manifest(tag),
      put().catch(async (error: unknown) => {
        // The registry's garbage collector took some of them.
        const isGone = error instanceof CambiumError && /^(MANIFEST_)?BLOB_UNKNOWN$/.test(error.code);
        if (!isGone || known.size === 0) throw error;
        await upload(listings);
        return put();
      }),
    ]);
    await repository.putManifest(withRecord(before?.bytes, artifact), tag);
  };
}

/** A config or a listing as bytes, held to its digest. */
export async function readSmallBlob(
  repository: Repository,
  descriptor: Pick<Descriptor, "digest" | "size">,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of repository.blob(descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
