import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type DiffId, digestOf } from "../../src/layer/digest.ts";
import type { Entry } from "../../src/layer/entry.ts";
import { LAYER_MEDIA_TYPE, type Layer } from "../../src/layer/layer.ts";
import { paddingOf, tarHeader } from "../../src/layer/tar-header.ts";

/** A path with what it is: text or bytes for a file, or a special. */
export type HandMade =
  | {
      readonly path: string;
      readonly file: string | Uint8Array;
      readonly mode?: number;
      readonly owner?: number;
      readonly xattrs?: Readonly<Record<string, string>>;
    }
  | { readonly path: string; readonly directory: true; readonly mode?: number; readonly owner?: number }
  | { readonly path: string; readonly link: string }
  | { readonly path: string; readonly hardlink: string };

export const HAND_MADE_MTIME = 315619200;

/** A layer's tar, entry by entry in the order given, without anything added. */
export function handMadeTar(entries: readonly HandMade[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const item of entries) {
    const content = "file" in item ? Buffer.from(item.file) : Buffer.alloc(0);
    parts.push(
      tarHeader(entryOf(item, content), HAND_MADE_MTIME),
      content,
      Buffer.alloc(paddingOf(content.length)),
    );
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function entryOf(item: HandMade, content: Uint8Array): Entry {
  const { path } = item;
  if ("link" in item) return { type: "symlink", path, mode: 0o777, uid: 0, gid: 0, target: item.link };
  if ("hardlink" in item)
    return { type: "hardlink", path, mode: 0o644, uid: 0, gid: 0, target: item.hardlink };
  const owner = { uid: item.owner ?? 0, gid: item.owner ?? 0 };
  if ("directory" in item) return { type: "directory", path, mode: item.mode ?? 0o755, ...owner };
  return {
    type: "file",
    path,
    mode: item.mode ?? 0o644,
    ...owner,
    size: content.length,
    digest: digestOf(content),
    ...(item.xattrs !== undefined && { xattrs: item.xattrs }),
  };
}

export function layerOf(...entries: HandMade[]): Layer {
  return layerFromTar(handMadeTar(entries));
}

export function layerFromTar(tar: Uint8Array): Layer {
  const bytes = gzipSync(tar, { level: 1 });
  const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}` as string as DiffId;
  return {
    descriptor: { mediaType: LAYER_MEDIA_TYPE, digest: digestOf(bytes), size: bytes.length },
    diffId,
    compressed: () => chunks(bytes),
  };
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
