import { CambiumError } from "../errors.ts";
import { manifestSchema } from "../image/documents.ts";
import type { Blob } from "../image/manifest.ts";
import { isIndexType, isManifestType } from "../image/media-types.ts";
import { formatReference, type Reference, withDefaultTag } from "../image/reference.ts";
import { blobUnknown, type ImageSource, type StatedBlob } from "../image/source.ts";
import type { Digest } from "../layer/digest.ts";
import type { RegistryAccess } from "./access.ts";
import { openRepository } from "./repository.ts";

/**
 * An image of a registry. Its root manifest is read at once, everything else when it is asked for; layers are remembered
 * as being there, so that a push to the same registry has them mounted.
 * @throws CambiumError `MANIFEST_UNKNOWN`, and as `Repository`.
 */
export async function openRemoteImage(given: Reference, access: RegistryAccess): Promise<ImageSource> {
  const reference = withDefaultTag(given);
  const { registry } = reference;
  const where = formatReference(reference);
  const repository = openRepository(reference, access);
  const documents = new Map<Digest, Blob>();

  async function document(digestOrTag: string): Promise<Blob | undefined> {
    const found = await repository.manifest(digestOrTag);
    if (found === undefined) return undefined;
    documents.set(found.descriptor.digest, found);
    for (const digest of blobsIn(found)) access.blobHomes.note(registry, reference.repository, digest);
    return found;
  }

  async function* read(blob: StatedBlob): AsyncGenerator<Uint8Array> {
    if (!isIndexType(blob.mediaType) && !isManifestType(blob.mediaType)) {
      yield* repository.blob(blob);
      return;
    }
    const found = documents.get(blob.digest) ?? (await document(blob.digest));
    if (found === undefined) throw blobUnknown(where, blob.digest);
    yield found.bytes;
  }

  // With both, the digest counts: the tag is what people read.
  const root = await document(reference.digest ?? reference.tag!);
  if (root === undefined) {
    throw new CambiumError("MANIFEST_UNKNOWN", `no such image: ${where}`, {
      hint: "Check the name and the tag; a private repository may also hide itself from those who may not read it.",
    });
  }
  return { where, root: root.descriptor, read, close: async () => undefined };
}

/** What a repository that has this manifest must have too. */
function blobsIn({ bytes }: Blob): Digest[] {
  const parsed = manifestSchema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  return parsed.success ? parsed.data.layers.map(({ digest }) => digest) : [];
}
