import { sourceOfBytecode } from "../../ecosystems/python/bytecode/bytecode.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import type { LayerListing } from "../../layer/listing.ts";

/**
 * Bytecode that a step made wrong: its layers have other sources, which Python would not look at, since ours is never
 * checked (PEP 552). Sorted paths.
 * @param bytecode paths of what was computed for the stage's packages
 * @param before the stage as the step found it
 */
export function outdatedBytecode(
  bytecode: ReadonlySet<string>,
  layers: readonly Pick<LayerListing, "entries">[],
  before: ImageTree,
): string[] {
  const written = new Map(layers.flatMap(({ entries }) => entries.map((entry) => [entry.path, entry])));
  return [...bytecode]
    .filter((path) => {
      const source = sourceOfBytecode(path) ?? "";
      const now = written.get(source);
      if (now === undefined || written.has(path) || before.entry(path) === undefined) return false;
      const found = before.entry(source);
      const isSame = now.type === "file" && found?.type === "file" && now.digest === found.digest;
      return !isSame;
    })
    .sort();
}
