import type { LockedBase } from "../ecosystems/locked-base.ts";
import { BASE_FILES, readBase } from "../ecosystems/read-base.ts";
import type { Platform } from "../platform.ts";
import { type BaseDocuments, baseDocuments } from "./base-documents.ts";
import { baseTree } from "./base-listings.ts";
import { lazyLayer } from "./lazy-layers.ts";
import type { BaseImage } from "./opened-base.ts";
import type { Workbench } from "./workbench.ts";

/**
 * Opens the image that the lock pins; nothing is fetched that this store has read before.
 * @throws CambiumError as `baseDocuments`, `baseTree` and `readBase`.
 */
export async function openBaseImage(
  locked: LockedBase,
  platform: Platform,
  bench: Workbench,
): Promise<BaseImage> {
  const target = locked.targets[platform.architecture];
  if (target === undefined) throw new TypeError(`the lock has no base for ${platform.architecture}`);
  const documents = await baseDocuments(locked.reference, target.digest, platform, bench);
  return baseImage(locked.reference, documents, platform, bench);
}

/** As `openBaseImage`, of documents that are at hand. */
export function baseImage(
  reference: string,
  documents: BaseDocuments,
  platform: Platform,
  bench: Workbench,
): Promise<BaseImage> {
  const key = `${reference}@${documents.digest}`;
  const open = bench.openBases.get(key) ?? readBaseImage(reference, documents, platform, bench);
  bench.openBases.set(key, open);
  return open;
}

async function readBaseImage(
  reference: string,
  { digest, config, layers }: BaseDocuments,
  platform: Platform,
  bench: Workbench,
): Promise<BaseImage> {
  const tree = await baseTree(layers, BASE_FILES, reference, bench);
  return {
    reference,
    digest,
    underneath: { config, layers: layers.map((layer) => lazyLayer(layer, bench)) },
    settings: config.config,
    tree,
    facts: readBase(tree, config, platform, reference),
  };
}
