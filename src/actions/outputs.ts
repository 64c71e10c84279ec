import { usageError } from "../errors.ts";
import { type Image, type ImageSet, imageSet, rootOf } from "../image/image.ts";
import { familiarReference, parseReference, type Reference, withDefaultTag } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import { machinePlatform } from "../platform.ts";
import { notePushed, withLazyLayers } from "../solve/lazy-layers.ts";
import type { Workbench } from "../solve/workbench.ts";
import type { Store } from "../store/store.ts";
import { loadImageSet, rememberImage } from "../store/stored-image.ts";
import type { Built, RecordPlace } from "./records/publish-record.ts";
import type { OutputResult } from "./results.ts";
import type { BuildSettings, LoadSettings, OutputSettings } from "./settings.ts";

/**
 * Puts the images of a build together, keeps them in the store and writes them where they were asked for.
 * @throws CambiumError `OUTPUT_UNWRITABLE`, `OUTPUT_EXISTS`, `DISK_FULL`, and as `loadIntoEngine` and `pushImage`.
 */
export async function publishImages(
  built: Built,
  settings: Pick<BuildSettings, "outputs" | "push" | "load" | "cacheTo">,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<{ readonly digest: Digest; readonly outputs: readonly OutputResult[] }> {
  const set = withLazyLayers(
    imageSet(built.images.map(({ digest }) => storedImage(bench.store, digest))),
    bench,
  );
  rememberImage(bench.store, set);
  const outputs = await writeOutputs(set, settings.outputs, tags, bench);
  if (settings.load !== undefined) outputs.push(await loadInto(settings.load, set, tags, bench));
  const caches = settings.cacheTo.map((text) => withDefaultTag(parseReference(text, "--cache-to")));
  const destinations = [
    ...(settings.push ? tags : []).map((reference) => ({ reference, isCache: false })),
    ...caches.map((reference) => ({ reference, isCache: true })),
  ];
  if (destinations.length > 0) outputs.push(...(await pushTo(destinations, set, built, bench)));
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

async function loadInto(
  wanted: LoadSettings,
  set: ImageSet,
  tags: readonly Reference[],
  { env, signal, emit }: Workbench,
): Promise<OutputResult> {
  const { loadIntoEngine } = await import("../engine/load/load-image.ts");
  const request = { tags, host: machinePlatform(), env, signal, ...(wanted !== "auto" && { wanted }) };
  return { type: "load", ...(await loadIntoEngine(set, request, emit)) };
}

/** Pushes the image and its build record to each place. */
async function pushTo(
  places: readonly RecordPlace[],
  set: ImageSet,
  built: Built,
  bench: Workbench,
): Promise<OutputResult[]> {
  const { pushImage } = await import("../registry/push.ts");
  const { publishRecord } = await import("./records/publish-record.ts");
  const results: OutputResult[] = [];
  for (const place of places) {
    const { reference } = place;
    const push = pushImage(set, reference, bench.registries);
    const isPushed = push.then(
      () => true,
      () => false,
    );
    await publishRecord(built, rootOf(set).descriptor, place, bench, isPushed);
    const { digest, sentBytes } = await push;
    if (sentBytes > 0) notePushed(bench.store, set, reference);
    results.push({ type: "registry", where: familiarReference(reference), digest });
  }
  return results;
}
