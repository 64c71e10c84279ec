import { type FoundForm, findForm } from "../frontend/project/detect.ts";
import { assertFlagsFit, formOf } from "../frontend/project/flags.ts";
import { parseReference, type Reference, withDefaultTag } from "../image/reference.ts";
import { machinePlatform } from "../platform.ts";
import type { Workbench } from "../solve/workbench.ts";
import { createdAt } from "./created-at.ts";
import { sourceName, withBuildLog } from "./explain/build-log.ts";
import { buildImage } from "./packages/build-image.ts";
import { imageKey } from "./packages/image-key.ts";
import { projectSegments } from "./packages/project-segments.ts";
import { installedLock, prepare } from "./prepare.ts";
import { loadProject, type Project } from "./project.ts";
import type { Built } from "./records/publish-record.ts";
import type { RecordedBuild } from "./records/recorded-build.ts";
import type { RecordedStages } from "./records/recorded-stages.ts";
import type { BuildResult, ImageResult } from "./results.ts";
import { type Session, withSession } from "./session.ts";
import type { BuildSettings } from "./settings.ts";
import { keepTags, parseTags } from "./tags.ts";

/**
 * Builds the project for each platform, keeps the image in the store and writes it where it was asked for.
 * @throws CambiumError of whatever step fails; what was finished before stays in the store.
 */
export async function build(settings: BuildSettings): Promise<BuildResult> {
  const found = findForm(settings.contextDir, settings.file);
  if (found.form === "dockerfile") assertFlagsFit(settings.flags ?? [], found.form);
  return withSession(settings, (session) => {
    const source = sourceName(found, settings.file);
    return withBuildLog(settings, source, session.bench, () => buildFound(found, settings, session));
  });
}

async function buildFound(found: FoundForm, settings: BuildSettings, session: Session): Promise<BuildResult> {
  const { bench } = session;
  if (found.form === "dockerfile") return buildDockerfile(found.file, settings, bench);
  const loaded = await loadProject(settings);
  assertFlagsFit(settings.flags ?? [], formOf(found.form, loaded.loaded));
  if (loaded.loaded.stages !== undefined) return buildStages(loaded, settings, session);
  const prepared = await prepare(settings, loaded, session, (its) => recordedFor(settings, its, bench));
  const { project, locked, recorded } = prepared;
  const { definition } = project.loaded;
  const tags = tagsOf(settings, project);
  const files = await projectSegments(prepared, settings, bench);
  const created = createdAt(settings.sourceDateEpoch);
  const lock = installedLock(prepared);
  const images: ImageResult[] = [];
  for (const platform of project.platforms) {
    const key = imageKey({ definition, lock, platform, created, files: files.map(({ id }) => id) });
    const choose = () => prepared.choose(platform);
    const { locateDebs } = prepared;
    images.push(
      await buildImage(
        {
          definition,
          lock,
          platform,
          key,
          files,
          created,
          choose,
          locateDebs,
          ...(recorded && { recorded }),
        },
        bench,
      ),
    );
  }
  return finished({ definition, lock: { ...locked.lock, ...lock }, images }, settings, tags, bench);
}

/** Names the images, and writes them where they were asked for. */
async function finished(
  built: Built,
  settings: BuildSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<BuildResult> {
  const { images } = built;
  const { outputs, push, load, cacheTo } = settings;
  const [only] = images;
  const isKept = outputs.length === 0 && !push && load === undefined && cacheTo.length === 0;
  if (only !== undefined && images.length === 1 && isKept) {
    return { digest: only.digest, images, tags: keepTags(tags, only.digest, bench), outputs: [] };
  }
  const published = await publish(built, settings, tags, bench);
  return { ...published, images, tags: keepTags(tags, published.digest, bench) };
}

async function buildDockerfile(
  file: string,
  settings: BuildSettings,
  bench: Workbench,
): Promise<BuildResult> {
  const { dockerfileImages } = await import("./stages/build-dockerfile.ts");
  const platforms = settings.platforms.length > 0 ? settings.platforms : [machinePlatform()];
  const created = createdAt(settings.sourceDateEpoch);
  const tags = parseTags(settings.tags);
  const recorded = await recordedStagesFor(file, settings, tags, bench);
  const images = await dockerfileImages(file, platforms, settings, created, recorded, bench);
  bench.store.records.put("stages-built", file, true);
  return finished({ images }, settings, tags, bench);
}

async function buildStages(
  project: Project,
  settings: BuildSettings,
  session: Session,
): Promise<BuildResult> {
  const { bench } = session;
  const { stagedImages } = await import("./stages/build-stages.ts");
  const { root } = project.loaded.context;
  const tags = tagsOf(settings, project);
  const created = createdAt(settings.sourceDateEpoch);
  const recorded = await recordedStagesFor(root, settings, tags, bench);
  const built = await stagedImages(project, settings, created, recorded, session);
  bench.store.records.put("stages-built", root, true);
  return finished(built, settings, tags, bench);
}

/** @param name Dockerfile or project folder: a machine that built it before knows as much as its record */
async function recordedStagesFor(
  name: string,
  settings: BuildSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<RecordedStages | undefined> {
  const isNew = bench.store.records.get("stages-built", name) === undefined;
  const places = recordPlaces(settings, isNew ? tags : []);
  if (places.length === 0) return undefined;
  const { recordedStages } = await import("./records/recorded-stages.ts");
  return recordedStages(places, bench);
}

function tagsOf(settings: BuildSettings, project: Project): Reference[] {
  return parseTags(settings.tags.length > 0 ? settings.tags : project.tags);
}

/**
 * Where records of earlier builds may be: what the user names; and, on a machine that never built this project, where
 * the image is going to be pushed. One that did knows as much, and need not ask.
 */
async function recordedFor(
  settings: BuildSettings,
  project: Project,
  bench: Workbench,
): Promise<RecordedBuild | undefined> {
  const isNew = bench.store.records.get("project-lock", project.loaded.context.root) === undefined;
  const places = recordPlaces(settings, isNew ? tagsOf(settings, project) : []);
  if (places.length === 0) return undefined;
  const { recordedBuild } = await import("./records/recorded-build.ts");
  return recordedBuild(places, bench);
}

/** @param tags where the image is going to be, if that is to be asked too */
function recordPlaces({ cacheFrom, push }: BuildSettings, tags: readonly Reference[]): Reference[] {
  const named = cacheFrom.map((text) => withDefaultTag(parseReference(text, "--cache-from")));
  return push ? [...named, ...tags] : named;
}

/** Loaded only for a build that writes something: most of the code for outputs has no part in a no-op. */
async function publish(
  built: Built,
  settings: BuildSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<Pick<BuildResult, "digest" | "outputs">> {
  const { publishImages } = await import("./outputs.ts");
  return publishImages(built, settings, tags, bench);
}
