import { readFileSync } from "node:fs";
import type { LockedDeb } from "../ecosystems/debian/lock.ts";
import type { PythonFile, PythonProgram } from "../ecosystems/python/bytecode/compile.ts";
import type { LibraryModules } from "../ecosystems/python/bytecode/library.ts";
import type { DirectUrl } from "../ecosystems/python/lock.ts";
import type { FileContent } from "../ecosystems/python/transcode.ts";
import { type ArrangedTier, arrange } from "../layer/arrange.ts";
import { composeLayer, type LayerPlan } from "../layer/compose.ts";
import { deflatePinned } from "../layer/deflate.ts";
import { describeLayer } from "../layer/describe.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import type { LayerRecord } from "../layer/layer.ts";
import type { Payload, SegmentId } from "../layer/segment.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { SegmentStore } from "../store/segments.ts";

/** Work that takes a core: plain data, so that it can be sent to a thread. Archives are blobs of the store by then, indices are not kept as they come. */
export type Job =
  | {
      readonly kind: "wheel";
      readonly archive: Digest;
      readonly filename: string;
      readonly directUrl?: DirectUrl;
      /** Uncompressed bytes from which on the layer of this package alone is described in the same pass. */
      readonly describeAbove: number;
    }
  | {
      readonly kind: "bytecode";
      /** Whole, in the store. */
      readonly wheel: SegmentId;
      /** Of the interpreter: `3.11.2`. */
      readonly version: string;
      readonly program: PythonProgram;
    }
  | {
      readonly kind: "library-bytecode";
      /** A blob of the store: `libraryDocument`. */
      readonly modules: Digest;
      readonly version: string;
      readonly program: PythonProgram;
    }
  | {
      readonly kind: "deb";
      readonly deb: LockedDeb;
      readonly keep: readonly ("man" | "info" | "locale" | "doc")[];
    }
  /** What of a .deb only dpkg needs, where it was transcoded without being asked. */
  | { readonly kind: "deb-shipped"; readonly deb: LockedDeb }
  | { readonly kind: "debian-index"; readonly packed: Uint8Array; readonly where: string }
  /** Raw deflate by the pinned compressor, each by itself. */
  | { readonly kind: "deflate"; readonly contents: readonly Uint8Array[] }
  | { readonly kind: "describe"; readonly name: string; readonly plan: LayerPlan };

/**
 * What a job leaves: a segment or another blob in the store, a layer that is now known, compressed bytes; of a .deb what
 * dpkg's database needs, packed.
 */
export type JobResult = {
  readonly segment?: SegmentId;
  readonly blob?: Digest;
  readonly layer?: { readonly key: Digest; readonly record: LayerRecord };
  readonly deflated?: readonly Uint8Array[];
  readonly shipped?: string;
};

/** The parts of the store that need no index; each thread opens its own. */
export type JobStore = { readonly blobs: BlobStore; readonly segments: SegmentStore };

/** Does one job here and now. @throws whatever the archive's reader finds wrong with it. */
export async function runJob(job: Job, store: JobStore): Promise<JobResult> {
  switch (job.kind) {
    case "describe":
      return { layer: { key: job.plan.key, record: await describeLayer(job.plan, store.blobs, job.name) } };
    case "deflate":
      return { deflated: job.contents.map(deflatePinned) };
    case "deb": {
      const [{ transcodeDeb }, { packShipped }] = await Promise.all([
        import("../ecosystems/debian/transcode.ts"),
        import("../ecosystems/debian/shipped.ts"),
      ]);
      const { deb, keep } = job;
      const archivePath = store.blobs.path(deb.sha256);
      const input = { archive: deb.sha256, archivePath, deb, keep };
      const { segment, shipped } = await transcodeDeb(input, store.blobs);
      store.segments.put(segment);
      return { segment: segment.id, shipped: packShipped(shipped) };
    }
    case "deb-shipped": {
      const { packShipped, readShipped } = await import("../ecosystems/debian/shipped.ts");
      return { shipped: packShipped(await readShipped(store.blobs.path(job.deb.sha256), job.deb)) };
    }
    case "bytecode": {
      const { bytecodeSegment } = await import("../ecosystems/python/bytecode/bytecode.ts");
      const { compilePython } = await import("../ecosystems/python/bytecode/compile.ts");
      const wheel = store.segments.get(job.wheel);
      if (wheel === undefined) throw new TypeError(`no segment ${job.wheel} to compile`);
      const compile = (files: readonly PythonFile[]) => compilePython(job.program, files);
      const segment = await bytecodeSegment(wheel, job.version, compile, store.blobs, store.blobs);
      store.segments.put(segment);
      return { segment: segment.id };
    }
    case "library-bytecode": {
      const [{ librarySegment }, { compilePython }, { unpackedModule }] = await Promise.all([
        import("../ecosystems/python/bytecode/library.ts"),
        import("../ecosystems/python/bytecode/compile.ts"),
        import("./bytecode/unpacked-module.ts"),
      ]);
      const { version, program } = job;
      const modules = JSON.parse(readFileSync(store.blobs.path(job.modules), "utf8")) as LibraryModules;
      const compile = (files: readonly PythonFile[]) => compilePython(program, files);
      const read = (module: LibraryModules[number]) => unpackedModule(program, module);
      const segment = await librarySegment(modules, version, compile, read, store.blobs);
      store.segments.put(segment);
      return { segment: segment.id };
    }
    case "debian-index": {
      const { putIndexBlob } = await import("../ecosystems/debian/index-blob.ts");
      return { blob: await putIndexBlob(job.packed, job.where, store.blobs) };
    }
    case "wheel":
      return await runWheelJob(job, store);
  }
}

/** A heavy wheel is inflated once for everything: what its files are, its layer's digest and diff id. */
async function runWheelJob(job: Extract<Job, { kind: "wheel" }>, store: JobStore): Promise<JobResult> {
  const { ContentInspector, planWheel, wheelSegment } = await import("../ecosystems/python/transcode.ts");
  const { archive: digest, filename, directUrl } = job;
  const input = { path: store.blobs.path(digest), digest, filename, ...(directUrl && { directUrl }) };
  const wheel = await planWheel(input);
  const inspector = new ContentInspector(store.blobs, filename);
  const sizeBytes = wheel.files.reduce((sum, file) => sum + file.size, 0);
  if (sizeBytes <= job.describeAbove) {
    if (wheel.pack.length > 0) store.blobs.put(wheel.pack);
    const segment = await wheelSegment(wheel, (...file) => inspector.inspect(...file), store.blobs);
    store.segments.put(segment);
    return { segment: segment.id };
  }
  // Digests play no part in a layer's bytes, so it can be described before they are known.
  const draft = await wheelSegment(wheel, () => ({ digest: digestOf("") }), store.blobs);
  const [alone] = arrange([[draft]]).tiers as [ArrangedTier];
  const plan = composeLayer(alone.segments, alone);
  const contents = new Map<string, FileContent>();
  const record = await describeLayer(plan, store.blobs, filename, (path, payload, size) => {
    const reader = inspector.watch(payload, size, path);
    const end = () => {
      const content = reader.end();
      if (content instanceof Promise) return content.then((known) => void contents.set(path, known));
      contents.set(path, content);
      return undefined;
    };
    return { update: (bytes) => reader.update(bytes), end };
  });
  const contentOf = (_payload: Payload, _size: number, path: string) => {
    const known = contents.get(path);
    if (known === undefined) throw new TypeError(`${filename}: no content for ${path}`);
    return known;
  };
  const segment = await wheelSegment(wheel, contentOf, store.blobs);
  store.segments.put(segment);
  return { segment: segment.id, layer: { key: plan.key, record } };
}
