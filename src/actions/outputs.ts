import { usageError } from "../errors.ts";
import { type Image, type ImageSet, imageSet, rootOf } from "../image/image.ts";
import { familiarReference, type Reference } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import { machinePlatform } from "../platform.ts";
import { notePushed, withLazyLayers } from "../solve/lazy-layers.ts";
import type { Workbench } from "../solve/workbench.ts";
import type { Store } from "../store/store.ts";
import { loadImageSet, rememberImage } from "../store/stored-image.ts";
import type { BuildNotes } from "./caches/build-notes.ts";
import type { Built, RecordFor } from "./records/record-of-build.ts";
import type { OutputResult } from "./results.ts";
import type { BuildSettings, LoadSettings, OutputSettings } from "./settings.ts";

export type PublishSettings = Pick<BuildSettings, "outputs" | "push" | "load" | "cacheTo"> & {
  /** As `buildTag`. */
  readonly build: () => string;
};

/**
 * Puts the images of a build together, keeps them in the store and writes them where they were asked for.
 * @throws CambiumError `OUTPUT_UNWRITABLE`, `OUTPUT_EXISTS`, `DISK_FULL`, and as `loadIntoEngine` and `pushImage`.
 */
export async function publishImages(
  built: Built,
  notes: readonly BuildNotes[],
  settings: PublishSettings,
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
  if (settings.push) outputs.push(...(await pushTo(tags, set, built, bench)));
  const { cacheTo, build } = settings;
  if (cacheTo.length > 0) {
    const { exportCaches } = await import("./caches/export-caches.ts");
    await exportCaches(cacheTo, { notes, build: build(), result: { built, set } }, bench);
  }
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
  { type, dest, isReference = false }: OutputSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<void> {
  const { emit, signal } = bench;
  if (type === "oci" && !dest.endsWith(".tar")) {
    const { writeOciLayout } = await import("../image/outputs/oci-layout.ts");
    await writeOciLayout(set, dest, { tags, signal, isReference }, emit);
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

/** Pushes the image and its build record to each tag. */
async function pushTo(
  tags: readonly Reference[],
  set: ImageSet,
  built: Built,
  bench: Workbench,
): Promise<OutputResult[]> {
  const { pushImage } = await import("../registry/push.ts");
  const { publishRecord } = await import("./records/publish-record.ts");
  const { openRemote } = await import("../cache/open-remote.ts");
  const results: OutputResult[] = [];
  for (const reference of tags) {
    const push = pushImage(set, reference, bench.registries);
    const isPushed = push.then(
      () => true,
      () => false,
    );
    const remote = openRemote({ kind: "registry", reference }, bench.registries, "push");
    await publishRecord(built, rootOf(set).descriptor, remote, PUSHED, bench, isPushed);
    const { digest, sentBytes } = await push;
    if (sentBytes > 0) notePushed(bench.store, set, reference);
    results.push({ type: "registry", where: familiarReference(reference), digest });
  }
  return results;
}

/** Who may pull the image gets its layers, and no other. */
const PUSHED: RecordFor = { isCache: false, isThere: () => true, isAtHand: () => false };
