import { existsSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { usageError } from "../errors.ts";
import type { ImageSet } from "../image/image.ts";
import { formatReference, parseReference, withDefaultTag } from "../image/reference.ts";
import { sourceOfSet } from "../image/set-source.ts";
import type { ImageSource } from "../image/source.ts";
import { parseDigest } from "../layer/digest.ts";
import { withLazyLayers } from "../solve/lazy-layers.ts";
import type { Store } from "../store/store.ts";
import { loadImageSet } from "../store/stored-image.ts";
import { taggedDigest } from "../store/tags.ts";
import type { ImageAccess } from "./session.ts";

/**
 * Opens an image by what people call it: a tag or a digest of the store, the path of an image layout folder or a tar, or
 * a reference with its registry. Close it when done.
 * @throws CambiumError `IMAGE_UNKNOWN`, and as `openLayoutFolder`, `openImageTar`, `openRemoteImage` and `parseReference`.
 */
export async function openSource(
  text: string,
  cwd: string,
  access: Omit<ImageAccess, "release">,
): Promise<ImageSource> {
  const named = taggedSet(text, access.store);
  if (named !== undefined) return sourceOfSet(withLazyLayers(named, access), text);
  const path = isAbsolute(text) ? text : resolve(cwd, text);
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) {
      const { openLayoutFolder } = await import("../image/sources/layout-folder.ts");
      return openLayoutFolder(path);
    }
    const { openImageTar } = await import("../image/sources/tar.ts");
    return openImageTar(path);
  }
  // Says what is wrong with a name that could be one.
  const reference = /^[./]/.test(text) ? undefined : parseReference(text, "image");
  // Only what names its registry is asked for there: `app` alone means the store's.
  if (reference !== undefined && text.startsWith(`${reference.registry}/`)) {
    const { openRemoteImage } = await import("../registry/remote-image.ts");
    return openRemoteImage(reference, access.registries);
  }
  throw usageError(
    "IMAGE_UNKNOWN",
    `no such image: ${JSON.stringify(text)}: neither a path nor a tag of this store`,
    "Build it with -t NAME; or name an image layout folder, a tar, or an image with its registry (docker.io/library/debian).",
  );
}

/** What is written like a path never means a tag. */
function taggedSet(text: string, store: Store): ImageSet | undefined {
  if (/^sha256:/.test(text)) return loadImageSet(store, parseDigest(text, "image"));
  if (/^[./]/.test(text)) return undefined;
  let name: string;
  try {
    name = formatReference(withDefaultTag(parseReference(text, "image")));
  } catch {
    // Such as `Image.tar`: a path, or nothing.
    return undefined;
  }
  const digest = taggedDigest(store, name);
  return digest === undefined ? undefined : loadImageSet(store, digest);
}
