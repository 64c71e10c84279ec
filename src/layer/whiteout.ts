import { CambiumError } from "../errors.ts";
import type { TarEntry } from "./read-tar.ts";

export const WHITEOUT_PREFIX = ".wh.";
export const OPAQUE_MARKER = ".wh..wh..opq";
/** AUFS kept its own notes under such names; of them only the opaque marker has a meaning in a layer. */
const META_PREFIX = ".wh..wh.";

/** `path` is what lower layers lose: the path itself with all below it, or what is below the directory `path`. */
export type Whiteout = { readonly kind: "whiteout" | "opaque"; readonly path: string };

/**
 * The whiteout that a layer's member is, if it is one (image-spec, layer.md, "Whiteouts"). Names that engines read in
 * different ways are refused: a whiteout that is no file or has something below it, one of `.`, `..` or of its own
 * directory (which deletes that directory in some), and the AUFS names that some skip and others take as whiteouts.
 * @throws CambiumError `LAYER_WHITEOUT`.
 */
export function whiteoutOf(
  { path, type }: Pick<TarEntry, "path" | "type">,
  where: string,
): Whiteout | undefined {
  if (!path.includes(WHITEOUT_PREFIX)) return undefined;
  const parts = path.split("/");
  const name = parts.pop()!;
  if (parts.some((part) => part.startsWith(WHITEOUT_PREFIX))) {
    throw whiteoutError(where, path, "a whiteout with something below it");
  }
  if (!name.startsWith(WHITEOUT_PREFIX)) return undefined;
  if (type !== "file") throw whiteoutError(where, path, `a whiteout that is a ${type}`);
  const parent = parts.join("/");
  if (name === OPAQUE_MARKER) return { kind: "opaque", path: parent };
  if (name.startsWith(META_PREFIX)) throw whiteoutError(where, path, "a reserved name without a meaning");
  const hidden = name.slice(WHITEOUT_PREFIX.length);
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw whiteoutError(where, path, `a whiteout of ${JSON.stringify(hidden)}`);
  }
  return { kind: "whiteout", path: parent === "" ? hidden : `${parent}/${hidden}` };
}

function whiteoutError(where: string, path: string, what: string): CambiumError {
  return new CambiumError(
    "LAYER_WHITEOUT",
    `${where}: ${JSON.stringify(path)}: not a whiteout that all read alike: ${what}`,
    {
      hint: "Container engines disagree about what it deletes; have the image built anew.",
    },
  );
}
