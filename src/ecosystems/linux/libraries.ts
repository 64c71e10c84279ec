import type { ImageTree } from "../../image/image-tree.ts";
import type { WantedFile } from "../../layer/listing.ts";
import type { Platform } from "../../platform.ts";
import { configuredFolders } from "./loader-folders.ts";
import { TUPLES } from "./tuples.ts";

const MAX_CONFIG_BYTES = 1 << 20;

/** ld.so.conf and what it includes. */
export function wantedLoaderConfig(path: string): WantedFile | undefined {
  return /^etc\/ld\.so\.conf(?:\.d\/[^/]+)?$/.test(path) ? { maxBytes: MAX_CONFIG_BYTES } : undefined;
}

/**
 * File names of the shared libraries that the dynamic loader finds in an image. Libraries lie there under their sonames
 * (ldconfig(8) makes links of that name), so names answer for DT_NEEDED. `libraryPath` is LD_LIBRARY_PATH of its config.
 */
export function librariesOf(
  tree: ImageTree,
  architecture: Platform["architecture"],
  libraryPath: string,
): ReadonlySet<string> {
  const tuple = TUPLES[architecture];
  // musl looks into /usr/local/lib, Red Hat's and SUSE's glibc into lib64.
  const builtIn = [
    `lib/${tuple}`,
    `usr/lib/${tuple}`,
    "lib",
    "usr/lib",
    "lib64",
    "usr/lib64",
    "usr/local/lib",
  ];
  const folders = [
    ...libraryPath.split(":").filter((part) => part.startsWith("/")),
    ...configuredFolders(tree),
  ];
  const names = new Set<string>();
  for (const folder of new Set([...folders, ...builtIn])) {
    for (const name of tree.list(folder)) {
      if (!name.includes(".so")) continue;
      const found = tree.lookup(`${folder}/${name}`);
      if (found?.type === "file") names.add(name);
    }
  }
  return names;
}
