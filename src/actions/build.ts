import { familiarReference, formatReference, type Reference } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import { CONSTANT_MTIME } from "../layer/entry.ts";
import { projectFiles } from "../solve/project-files.ts";
import type { Workbench } from "../solve/workbench.ts";
import { tagImage } from "../store/tags.ts";
import { buildImage } from "./build-image.ts";
import { imageKey } from "./image-key.ts";
import { prepare } from "./prepare.ts";
import type { BuildResult, ImageResult } from "./results.ts";
import { withSession } from "./session.ts";
import type { BuildSettings } from "./settings.ts";
import { parseTags } from "./tags.ts";

/**
 * Builds the project for each platform, keeps the image in the store and writes it where it was asked for.
 * @throws CambiumError of whatever step fails; what was finished before stays in the store.
 */
export async function build(settings: BuildSettings): Promise<BuildResult> {
  return withSession(settings, async (session) => {
    const { bench } = session;
    const prepared = await prepare(settings, session);
    const { project, locked } = prepared;
    const { definition, context } = project.loaded;
    const tags = parseTags(settings.tags.length > 0 ? settings.tags : project.tags);
    const files = await projectFiles(definition, context, settings.sourceDateEpoch, bench);
    const created = createdAt(settings.sourceDateEpoch);
    const { debian } = locked.lock;
    const python = prepared.inputs?.kind === "lock" ? prepared.inputs.lock : locked.lock.python;
    const lock = { ...(debian !== undefined && { debian }), ...(python !== undefined && { python }) };
    const images: ImageResult[] = [];
    for (const platform of project.platforms) {
      const key = imageKey({ definition, lock, platform, created, files: files.map(({ id }) => id) });
      const choose = () => prepared.choose(platform);
      const { locateDebs } = prepared;
      images.push(
        await buildImage({ definition, lock, platform, key, files, created, choose, locateDebs }, bench),
      );
    }
    const names = tags.map(formatReference);
    const [only] = images;
    if (only !== undefined && images.length === 1 && settings.outputs.length === 0 && !settings.push) {
      keep(tags, only.digest, bench);
      return { digest: only.digest, images, tags: names, outputs: [] };
    }
    const { digest, outputs } = await publish(images, settings, tags, bench);
    keep(tags, digest, bench);
    return { digest, images, tags: names, outputs };
  });
}

/** SOURCE_DATE_EPOCH, else a constant: an image must not say when its machine built it. */
function createdAt(sourceDateEpoch: number | undefined): string {
  return new Date((sourceDateEpoch ?? CONSTANT_MTIME) * 1000).toISOString().replace(".000Z", "Z");
}

/** Loaded only for a build that writes something: most of the code for outputs has no part in a no-op. */
async function publish(
  images: readonly ImageResult[],
  settings: BuildSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<Pick<BuildResult, "digest" | "outputs">> {
  const { publishImages } = await import("./outputs.ts");
  return publishImages(images, settings, tags, bench);
}

function keep(tags: readonly Reference[], digest: Digest, { store, emit }: Workbench): void {
  for (const tag of tags) {
    tagImage(store, formatReference(tag), digest);
    emit({ type: "output", kind: "store", where: familiarReference(tag), digest });
  }
}
