import type { ContentEntry, ContentFile, ContentSource } from "../../context/content-source.ts";
import { cleaned } from "../../context/copy-into.ts";
import type { GeneratedFile } from "../../graph/definition.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { comparePaths } from "../../layer/entry.ts";
import type { Segment, SegmentFile } from "../../layer/segment.ts";
import type { Store } from "../../store/store.ts";
import { inflated } from "./inflated.ts";

const ROOT_OWNED = { uid: 0, gid: 0 } as const;

/** A heredoc: one file of 0644. */
export function inlineSource(name: string, content: string): ContentSource {
  const bytes = Buffer.from(content, "utf8");
  const digest = digestOf(bytes);
  const file: ContentFile = {
    ...{ type: "file", path: cleaned(name), mode: 0o644, ...ROOT_OWNED, size: bytes.length },
  };
  return {
    where: "the heredoc",
    entries: [file],
    digest: async () => digest,
    async *read() {
      yield { file, content: once(bytes) };
    },
  };
}

/** Files that a frontend made. */
export function generatedSource(files: readonly GeneratedFile[]): ContentSource {
  const contents = new Map<string, Uint8Array>();
  const entries = files
    .map((file): ContentEntry => {
      if (file.type === "symlink") return { ...file, mode: 0o777, ...ROOT_OWNED };
      if (file.type === "directory") return { ...file, ...ROOT_OWNED };
      const { type, path, mode } = file;
      const bytes = Buffer.from(file.content, "utf8");
      contents.set(path, bytes);
      return { type, path, mode, size: bytes.length, ...ROOT_OWNED };
    })
    .sort((a, b) => comparePaths(a.path, b.path));
  const bytesOf = ({ path }: ContentFile): Uint8Array => {
    const bytes = contents.get(path);
    if (bytes === undefined) throw new TypeError(`not generated: ${path}`);
    return bytes;
  };
  return {
    where: "generated files",
    entries,
    digest: async (file) => digestOf(bytesOf(file)),
    async *read(wanted) {
      for (const file of wanted) yield { file, content: once(bytesOf(file)) };
    },
  };
}

/** A blob of the store as one file, with the mode of what is downloaded. */
export function blobSource(name: string, digest: Digest, where: string, store: Store): ContentSource {
  const size = store.blobs.size(digest) ?? 0;
  const file: ContentFile = { type: "file", path: name, mode: 0o600, ...ROOT_OWNED, size };
  return {
    where,
    entries: [file],
    digest: async () => digest,
    async *read() {
      yield { file, content: store.blobs.stream(digest) };
    },
  };
}

/** The files of a segment, whose bytes are in the store. */
export function segmentSource(segment: Segment, where: string, store: Store): ContentSource {
  const files = new Map(
    segment.entries.flatMap((entry) => (entry.type === "file" ? [[entry.path, entry]] : [])),
  );
  const linked = new Set(
    segment.entries.flatMap((entry) => (entry.type === "hardlink" ? [entry.target] : [])),
  );
  const contentFile = (path: string, target: string): ContentFile[] => {
    const file = files.get(target);
    if (file === undefined) return [];
    const { digest: _, payload: __, ...rest } = file;
    return [{ ...rest, path, ...(linked.has(target) && { inode: target }) }];
  };
  const entries = segment.entries.flatMap((entry): readonly ContentEntry[] => {
    if (entry.type === "file") return contentFile(entry.path, entry.path);
    if (entry.type === "hardlink") return contentFile(entry.path, entry.target);
    return [entry];
  });
  const find = ({ path, inode }: ContentFile): SegmentFile => {
    const file = files.get(inode ?? path);
    if (file === undefined) throw new TypeError(`not of this segment: ${path}`);
    return file;
  };
  return {
    where,
    entries,
    digest: async (file) => find(file).digest,
    ...(isPinned(segment) && { payload: (file) => find(file).payload }),
    async *read(wanted) {
      for (const file of wanted) {
        const { payload } = find(file);
        if (payload !== undefined) yield { file, content: inflated(store.blobs, payload) };
      }
    },
  };
}

/**
 * Whether each payload is what a pack would have for the same content. The bytes of a layer must not depend on whether
 * a segment or only the layer made of it was at hand, so those of wheels, which others deflated, are deflated again.
 */
export function isPinned({ recipe }: Segment): boolean {
  return recipe.ecosystem !== "python";
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
