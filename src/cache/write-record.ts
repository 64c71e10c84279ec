import { CambiumError } from "../errors.ts";
import type { BlobSource } from "../image/image.ts";
import type { Digest } from "../layer/digest.ts";
import { referrersTag } from "../registry/read-listings.ts";
import { linkedBy } from "./linked.ts";
import { type RecordArtifact, recordRow, withRecord } from "./record-artifact.ts";
import type { Remote } from "./remote.ts";

/**
 * Uploads the blobs of an image's build record, but for those that an earlier record is `known` to have brought: that is a
 * request for each layer. What it gives puts the record beside the image: its manifest, then the
 * index at the fallback tag, which takes the place of an earlier record and leaves other tools' referrers.
 * @throws CambiumError as `Remote`, both.
 */
export async function uploadRecord(
  remote: Pick<Remote, "uploadBlob" | "manifest" | "putManifest">,
  root: Digest,
  artifact: RecordArtifact,
  listings: readonly BlobSource[],
  known: ReadonlySet<Digest> = new Set(),
): Promise<() => Promise<void>> {
  const { config, manifest } = artifact;
  const document = { descriptor: config.descriptor, bytes: () => once(config.bytes) };
  const upload = (blobs: readonly BlobSource[]) => Promise.all(blobs.map((blob) => remote.uploadBlob(blob)));
  await upload([...listings.filter(({ descriptor }) => !known.has(descriptor.digest)), document]);
  const put = () => remote.putManifest(manifest, manifest.descriptor.digest);
  return async () => {
    const tag = referrersTag(root);
    const [before] = await Promise.all([
      remote.manifest(tag),
      put().catch(async (error: unknown) => {
        // The registry's garbage collector took some of them.
        const isGone = error instanceof CambiumError && /^(MANIFEST_)?BLOB_UNKNOWN$/.test(error.code);
        if (!isGone || known.size === 0) throw error;
        await upload(listings);
        return put();
      }),
    ]);
    await remote.putManifest(withRecord(before?.bytes, artifact), tag);
  };
}

/**
 * Whether an image still has a record beside it with all that it needs. Then its index is put again, which keeps it in a
 * folder that is written anew.
 * @throws CambiumError as `Remote`.
 */
export async function keepRecord(
  remote: Pick<Remote, "manifest" | "hasBlob" | "putManifest">,
  root: Digest,
  record: Digest,
): Promise<boolean> {
  const tag = referrersTag(root);
  const [index, manifest] = await Promise.all([remote.manifest(tag), remote.manifest(record)]);
  if (index === undefined || manifest === undefined || recordRow(index.bytes)?.digest !== record)
    return false;
  const linked = linkedBy(manifest.bytes);
  const are = linked.map(({ digest, size }) => size !== undefined && remote.hasBlob({ digest, size }));
  if (!(await Promise.all(are)).every(Boolean)) return false;
  await remote.putManifest(index, tag);
  return true;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
