import { type CacheEntry, entryArtifact, entryTag } from "../../cache/entry.ts";
import { openFolderExport } from "../../cache/folder-export.ts";
import { openRemote } from "../../cache/open-remote.ts";
import { type CacheExport, homeOf, placeName } from "../../cache/place.ts";
import type { Remote } from "../../cache/remote.ts";
import { dayOf, usedTag } from "../../cache/remote-choice.ts";
import { messageOf } from "../../errors.ts";
import { createGate } from "../../fetch/gate.ts";
import { type BlobSource, type ImageSet, rootOf } from "../../image/image.ts";
import { onceBytes } from "../../image/outputs/atomic-file.ts";
import type { Descriptor, Digest } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { pushImage } from "../../registry/push.ts";
import { cachedPlaces } from "../../solve/cached-places.ts";
import { hasHome, lazyLayer, notePushed, originRegistry } from "../../solve/lazy-layers.ts";
import type { KnownStep } from "../../solve/steps/step-memory.ts";
import { step, type Workbench } from "../../solve/workbench.ts";
import { mountName } from "../../store/mounts.ts";
import type { Store } from "../../store/store.ts";
import { isComposable } from "../../store/stored-layer.ts";
import { writeRecord } from "../records/publish-record.ts";
import type { Built } from "../records/record-of-build.ts";
import { packagesEntry, stepResult } from "../records/recorded-parts.ts";
import { stagesMemory } from "../records/stages-memory.ts";
import type { BuildSettings } from "../settings.ts";
import type { BuildNotes, PackagesNote } from "./build-notes.ts";
import { exportMounts, type PlacedMount } from "./export-mounts.ts";
import { isExported, noteExported } from "./exported.ts";
import { mountTag } from "./mount-remotes.ts";
import { parseExports } from "./open-caches.ts";

const CONCURRENCY = 4;

/** What a build has to give: of one that failed what it had come to. */
export type Export = {
  /** Of each image that was begun. */
  readonly notes: readonly BuildNotes[];
  /** As `buildTag`. */
  readonly build: string;
  /** Absent: the build failed. */
  readonly result?: { readonly built: Built; readonly set: ImageSet };
};

/** What went to one place. */
export type Exported = {
  /** Of steps and packages, put now. */
  readonly entries: number;
  readonly sentBytes: number;
  readonly mounts: readonly PlacedMount[];
  /** Ids of those that neither this machine nor the place has. */
  readonly absentMounts: readonly string[];
  /** Layers that are neither here nor in the same registry. */
  readonly leftOut: readonly LayerRecord[];
};

/**
 * Brings what a build came to where it may be of use to others, place by place. Nothing is downloaded for it, and nothing
 * that goes wrong fails the build: each is a warning.
 */
export async function exportCaches(
  cacheTo: BuildSettings["cacheTo"],
  what: Export,
  bench: Workbench,
): Promise<void> {
  for (const place of parseExports(cacheTo)) {
    const name = placeName(place.place);
    // It was told of when it failed to answer.
    if (bench.brokenPlaces.has(homeOf(place.place))) continue;
    try {
      await step(bench, `cache to ${name}`, async () => {
        const exported = await exportTo(place, what, bench);
        const { entries, sentBytes, mounts, absentMounts, leftOut } = exported;
        if (leftOut.length > 0) bench.emit({ type: "warning", ...incomplete(name, leftOut) });
        for (const id of absentMounts) {
          const message = `the cache mount ${id} is not in ${name}: no step of this build ran with it, and it is not here`;
          bench.emit({ type: "notice", message });
        }
        const wanted = place.mounts === "none" ? null : mounts;
        bench.emit({ type: "cache", where: name, entries, sentBytes, mounts: wanted });
        return { value: undefined, outcome: sentBytes === 0 ? "hit" : "done" };
      });
    } catch (error) {
      bench.signal.throwIfAborted();
      const message = `the cache ${name} was not written: ${messageOf(error)}`;
      bench.emit({ type: "warning", code: "CACHE_UNWRITABLE", message });
    }
  }
}

function incomplete(name: string, leftOut: readonly LayerRecord[]) {
  const bytes = leftOut.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const count = leftOut.length === 1 ? "1 layer" : `${leftOut.length} layers`;
  return {
    code: "CACHE_INCOMPLETE",
    message: `${count} (${bytes} bytes) were left out of the cache ${name}: they are elsewhere, and were not downloaded for it`,
    hint: "Name the cache that has them with --cache-from, or export from the machine that made them.",
  };
}

async function exportTo(place: CacheExport, what: Export, bench: Workbench): Promise<Exported> {
  if (place.place.kind === "folder") {
    const folder = await openFolderExport(place.place.path, what.build, bench.signal);
    try {
      const target = new Target(folder.remote, place, bench);
      const isWritten = await target.bring(what);
      // What nothing new is known of stays as it is.
      if (isWritten) await folder.commit((tag) => isKept(tag, what, folder.remote));
      return target.exported;
    } finally {
      folder.release();
    }
  }
  const target = new Target(openRemote(place.place, bench.registries, "push"), place, bench);
  await target.bring(what);
  return target.exported;
}

/**
 * What stays of an earlier export of the same build although it was not put again: all but single entries where this build
 * failed; and mounts that it needed.
 */
function isKept(tag: string, { result, notes }: Export, remote: Remote): boolean {
  if (tag.startsWith("cambium-mount-")) {
    return notes.some(({ mounts }) => mounts.some((use) => mountTag(mountName(use), remote) === tag));
  }
  return result === undefined && !/^cambium-(step|packages)-/.test(tag);
}

/** One place while it is written to. */
class Target {
  readonly #remote: Remote;
  readonly #place: CacheExport;
  readonly #bench: Workbench;
  readonly #leftOut = new Map<Digest, LayerRecord>();
  readonly #brought = new Set<Digest>();
  readonly #mounts: PlacedMount[] = [];
  readonly #absentMounts: string[] = [];
  #entries = 0;
  #sentBytes = 0;

  constructor(remote: Remote, place: CacheExport, bench: Workbench) {
    this.#remote = remote;
    this.#place = place;
    this.#bench = bench;
  }

  get exported(): Exported {
    return {
      ...{ entries: this.#entries, sentBytes: this.#sentBytes },
      ...{ mounts: this.#mounts, absentMounts: this.#absentMounts, leftOut: [...this.#leftOut.values()] },
    };
  }

  /** @returns whether there was anything to bring. */
  async bring({ result, notes, build }: Export): Promise<boolean> {
    const isWhole = this.#place.stages === undefined && result !== undefined;
    const isImage = isWhole && (await this.#image(result, build));
    // The record of a folder's image says what its steps left.
    const isTold = isImage && this.#remote.place.kind === "folder";
    if (!isTold) await this.#ownEntries(notes);
    await this.#ownMounts(notes);
    return isImage || this.#entries > 0 || this.#mounts.length > 0;
  }

  async #ownMounts(notes: readonly BuildNotes[]): Promise<void> {
    const target = {
      ...{ remote: this.#remote, mounts: this.#place.mounts },
      isAtHand: (layer: LayerRecord) => this.#isAtHand(layer),
      bring: (blobs: readonly BlobSource[]) => this.#brings(blobs),
    };
    const uses = notes.flatMap(({ mounts }) => mounts);
    const { placed, absent } = await exportMounts(uses, target, this.#bench);
    this.#mounts.push(...placed);
    this.#absentMounts.push(...absent);
  }

  /** The image with its record. False: what is known of it is not enough for one. */
  async #image({ built, set }: NonNullable<Export["result"]>, build: string): Promise<boolean> {
    const root = rootOf(set);
    const layers = set.images.flatMap((image) => image.layers);
    const isCache = this.#place.mode === "max";
    const isThere = (layer: LayerRecord) => this.#isAtHand(layer);
    const place = { isCache, isThere, isAtHand: isThere };
    if (this.#remote.place.kind === "registry") {
      const { reference } = this.#remote.place;
      const missing = layers.filter((layer) => !this.#isAtHand(layer));
      for (const layer of missing) this.#leftOut.set(layer.descriptor.digest, layer);
      if (missing.length > 0) return false;
      const push = pushImage(set, reference, this.#bench.registries);
      const isPushed = push.then(
        () => true,
        () => false,
      );
      const written = writeRecord(built, root.descriptor, this.#remote, place, this.#bench, isPushed);
      // What the registry says of the image comes first.
      written.catch(() => undefined);
      const { sentBytes } = await push;
      await written;
      if (sentBytes > 0) notePushed(this.#bench.store, set, reference);
      this.#sentBytes += sentBytes;
      await this.#nameByKey(built, set);
      return true;
    }
    const isKnown =
      built.definition !== undefined || built.images.every(({ digest }) => this.#isMade(digest));
    if (!isKnown) return false;
    await this.#brings(layers.filter(isThere));
    for (const { manifest, config } of set.images) {
      await this.#brings([sourceOf(config.descriptor, config.bytes)]);
      await this.#remote.putManifest(manifest, manifest.descriptor.digest);
    }
    await this.#remote.putManifest(root, build);
    await writeRecord(built, root.descriptor, this.#remote, place, this.#bench, Promise.resolve(true));
    return true;
  }

  /** An image in stages that came from a record itself has nothing to tell. */
  #isMade(digest: Digest): boolean {
    return stagesMemory(this.#bench.store, digest) !== undefined;
  }

  /** So that it is found when its name has gone on to another. */
  async #nameByKey({ images }: Built, set: ImageSet): Promise<void> {
    const { store } = this.#bench;
    for (const { digest } of images) {
      const key = stagesMemory(store, digest)?.key;
      if (key === undefined) continue;
      const tag = entryTag("image", key, this.#remote);
      // The second says on which days it was told, for who prunes the place.
      for (const one of [tag, usedTag(dayOf(Date.now()), tag)]) {
        if (isExported(store, this.#remote.place, one)) continue;
        await this.#remote.putManifest(rootOf(set), one);
        noteExported(store, this.#remote.place, one);
      }
    }
  }

  async #ownEntries(notes: readonly BuildNotes[]): Promise<void> {
    const gate = createGate(CONCURRENCY);
    const { stages } = this.#place;
    const isMeant = (stage: string) => stages === undefined || stages.includes(stage);
    const work: Promise<void>[] = [];
    for (const [key, { stage, result }] of notes.flatMap(({ steps }) => [...steps])) {
      if (isMeant(stage)) work.push(gate(() => this.#step(key, result)));
    }
    for (const [key, note] of notes.flatMap(({ packages }) => [...packages])) {
      if (isMeant(note.stage)) work.push(gate(() => this.#packages(key, note)));
    }
    // What runs ends before an error is out.
    const failed = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #step(key: Digest, known: KnownStep): Promise<void> {
    const tag = entryTag("step", key, this.#remote);
    if (isExported(this.#bench.store, this.#remote.place, tag)) return;
    if (known.layer !== undefined && !this.#isAtHand(known.layer)) {
      this.#leftOut.set(known.layer.descriptor.digest, known.layer);
      return;
    }
    const blobs = new Map<Digest, BlobSource>();
    const result = stepResult(known, { ...this.#bench, blobs });
    if (result === undefined) return;
    const layers = known.layer === undefined ? [] : [lazyLayer(known.layer, this.#bench)];
    await this.#entry(tag, { kind: "step", result }, layers, blobs);
  }

  async #packages(key: Digest, { stack, base }: PackagesNote): Promise<void> {
    const tag = entryTag("packages", key, this.#remote);
    if (isExported(this.#bench.store, this.#remote.place, tag)) return;
    const blobs = new Map<Digest, BlobSource>();
    const isThere = (layer: LayerRecord) => this.#isAtHand(layer);
    const entry = packagesEntry(stack.digest, base, stack.layers, isThere, {
      store: this.#bench.store,
      blobs,
    });
    if (entry === undefined) return;
    const layers = stack.layers.filter(isThere).map((layer) => lazyLayer(layer, this.#bench));
    await this.#entry(tag, entry, layers, blobs);
  }

  async #entry(
    tag: string,
    entry: CacheEntry,
    layers: readonly ReturnType<typeof lazyLayer>[],
    blobs: ReadonlyMap<Digest, BlobSource>,
  ): Promise<void> {
    const sources = [
      ...layers.map(({ descriptor, compressed }) => ({ descriptor, bytes: compressed })),
      ...blobs.values(),
    ];
    const { config, manifest } = entryArtifact(
      tag,
      entry,
      sources.map(({ descriptor }) => descriptor),
    );
    await this.#brings([...sources, sourceOf(config.descriptor, config.bytes)]);
    await this.#remote.putManifest(manifest, tag);
    this.#sentBytes += manifest.bytes.byteLength;
    this.#entries += 1;
    noteExported(this.#bench.store, this.#remote.place, tag);
  }

  /** Layers or blobs, each once. */
  async #brings(all: readonly (BlobSource | ReturnType<typeof lazyLayer> | LayerRecord)[]): Promise<void> {
    for (const one of all) {
      const { descriptor } = one;
      if (this.#brought.has(descriptor.digest)) continue;
      this.#brought.add(descriptor.digest);
      const bytes = "bytes" in one ? one.bytes : lazyLayer(one as LayerRecord, this.#bench).compressed;
      if ((await this.#remote.uploadBlob({ descriptor, bytes })) === "sent")
        this.#sentBytes += descriptor.size;
    }
  }

  /** Whether the place can have it without anything being downloaded. A folder needs nothing that a base's registry has. */
  #isAtHand(layer: LayerRecord): boolean {
    const { store } = this.#bench;
    const { digest } = layer.descriptor;
    const { place } = this.#remote;
    if (place.kind === "folder" && hasHome(store, digest)) return false;
    if (isHere(store, digest)) return true;
    if (place.kind === "folder")
      return cachedPlaces(store, digest).some((one) => homeOf(one) === homeOf(place));
    const registries = cachedPlaces(store, digest).flatMap((one) =>
      one.kind === "registry" ? one.reference.registry : [],
    );
    return [...registries, originRegistry(store, digest)].includes(place.reference.registry);
  }
}

function isHere(store: Store, digest: Digest): boolean {
  return store.blobs.has(digest) || isComposable(store, digest);
}

function sourceOf(descriptor: Descriptor, bytes: Uint8Array): BlobSource {
  return { descriptor, bytes: () => onceBytes(bytes) };
}
