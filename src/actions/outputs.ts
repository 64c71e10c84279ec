import { usageError } from "../errors.ts";
import { type Image, type ImageSet, imageSet, rootOf } from "../image/image.ts";
import { familiarReference, type Reference } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import type { Workbench } from "../solve/workbench.ts";
import type { Store } from "../store/store.ts";
import { loadImageSet, rememberImage } from "../store/stored-image.ts";
import type { ImageResult, OutputResult } from "./results.ts";
import type { OutputSettings } from "./settings.ts";

/**
 * Puts the images of a build together, keeps them in the store and writes them where they were asked for.
 * @throws CambiumError `OUTPUT_UNWRITABLE`, `OUTPUT_EXISTS`, `DISK_FULL`, and as `pushImage`.
 */
export async function publishImages(
  images: readonly ImageResult[],
  settings: { readonly outputs: readonly OutputSettings[]; readonly push: boolean },
  tags: readonly Reference[],
  bench: Workbench,
): Promise<{ readonly digest: Digest; readonly outputs: readonly OutputResult[] }> {
  const set = imageSet(images.map(({ digest }) => storedImage(bench.store, digest)));
  rememberImage(bench.store, set);
  const outputs = await writeOutputs(set, settings.outputs, tags, bench);
  if (settings.push) outputs.push(...(await pushTags(set, tags, bench)));
  return { digest: rootOf(set).descriptor.digest, outputs };
}

function storedImage(store: Store, digest: Digest): Image {
  const [image] = loadImageSet(store, digest)?.images ?? [];
  if (image === undefined) throw new TypeError(`the store lost the documents of ${digest}`);
  return image;
}

async function writeOutputs(
  set: ImageSet,
  outputs: readonly OutputSettings[],
  tags: readonly Reference[],
  bench: Workbench,
): Promise<OutputResult[]> {
  const results: OutputResult[] = [];
  const { digest } = rootOf(set).descriptor;
  for (const output of outputs) {
    await writeOutput(set, output, tags, bench);
    results.push({ type: output.type, where: output.dest, digest });
  }
  return results;
}

async function writeOutput(
  set: ImageSet,
  { type, dest }: OutputSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<void> {
  const { emit, signal } = bench;
  if (type === "oci" && !dest.endsWith(".tar")) {
    const { writeOciLayout } = await import("../image/outputs/oci-layout.ts");
    await writeOciLayout(set, dest, { tags, signal }, emit);
  } else if (type === "oci" || type === "docker") {
    const { writeImageTar } = await import("../image/outputs/tar.ts");
    await writeImageTar(set, dest, { tags, format: type }, emit);
  } else {
    const image = set.images[0];
    if (image === undefined || set.images.length > 1) {
      throw usageError(
        "OUTPUT_PLATFORMS",
        `--output type=${type}: one root filesystem cannot hold ${set.images.length} platforms`,
        "Name one with --platform, or write type=oci.",
      );
    }
    if (type === "rootfs") {
      const { extractRootfs } = await import("../image/outputs/rootfs.ts");
      await extractRootfs(image, dest, emit, { signal });
      emit({ type: "output", kind: type, where: dest, digest: image.manifest.descriptor.digest });
    } else {
      const { writeRootfsTar } = await import("../image/outputs/rootfs-tar.ts");
      await writeRootfsTar(image, dest, emit);
    }
  }
}

/** Pushes to each tag's registry. */
async function pushTags(
  set: ImageSet,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<OutputResult[]> {
  const { pushImage } = await import("../registry/push.ts");
  const results: OutputResult[] = [];
  for (const reference of tags) {
    const { digest } = await pushImage(set, reference, { env: bench.env, signal: bench.signal }, bench.emit);
    results.push({ type: "registry", where: familiarReference(reference), digest });
  }
  return results;
}
