import { resolvedSpec } from "../cache-spec.ts";
import { CambiumError } from "../errors.ts";
import { type FoundForm, findForm } from "../frontend/project/detect.ts";
import { assertFlagsFit, formOf } from "../frontend/project/flags.ts";
import type { Reference } from "../image/reference.ts";
import { machinePlatform } from "../platform.ts";
import type { Workbench } from "../solve/workbench.ts";
import type { BuildNotes } from "./caches/build-notes.ts";
import { createdAt } from "./created-at.ts";
import { withBuildLog } from "./explain/build-log.ts";
import { sourceName } from "./explain/traced-build.ts";
import { imagePlacesOf, tellUnused } from "./image-places.ts";
import { noteBuild, projectOf } from "./last-builds.ts";
import { buildImage } from "./packages/build-image.ts";
import { imageKey } from "./packages/image-key.ts";
import { projectSegments } from "./packages/project-segments.ts";
import { installedLock, prepare } from "./prepare.ts";
import { loadProject, type Project } from "./project.ts";
import type { Built } from "./records/record-of-build.ts";
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
  const places = found.form === "dockerfile" ? {} : { imagePlaces: imagePlacesOf(settings) };
  return withSession({ ...settings, ...places }, async (session) => {
    if (settings.cacheFrom.length + settings.cacheTo.length > 0) {
      const { assertPlaces } = await import("./caches/open-caches.ts");
      assertPlaces(settings);
    }
    const source = sourceName(found, settings.file);
    return withBuildLog(settings, source, session.bench, () => buildTwice(settings, found, session));
  });
}

/** Once more, where other machines said that they have what they have not. */
function buildTwice(settings: BuildSettings, found: FoundForm, session: Session): Promise<BuildResult> {
  return buildOnce(settings, found, session).catch((error: unknown) => {
    const isGone = error instanceof CambiumError && error.code === "LAYER_GONE";
    if (!isGone || settings.isAlone === true) throw error;
    // What was done until then is in the store, and not done again.
    const message = `what other machines know is not used: ${error.message}`;
    session.bench.emit({ type: "warning", code: "CACHE_UNREADABLE", message });
    return buildOnce({ ...settings, isAlone: true }, found, session);
  });
}

async function buildOnce(stated: BuildSettings, found: FoundForm, session: Session): Promise<BuildResult> {
  const { bench } = session;
  if (found.form === "dockerfile") return buildDockerfile(found.file, stated, bench);
  const loaded = await loadProject(stated);
  assertFlagsFit(stated.flags ?? [], formOf(found.form, loaded.loaded));
  const settings = withProjectCaches(stated, loaded);
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
          isWhole: settings.isAlone === true,
          ...(recorded && { recorded }),
        },
        bench,
      ),
    );
  }
  return finished({ definition, lock: { ...locked.lock, ...lock }, images }, [], settings, tags, bench);
}

/** What the project says of caches stands behind what flags say. */
function withProjectCaches(settings: BuildSettings, { loaded }: Project): BuildSettings {
  const { cacheFrom = [], cacheTo = [] } = loaded.settings;
  if (cacheFrom.length + cacheTo.length === 0) return settings;
  const { root } = loaded.context;
  return {
    ...settings,
    cacheFrom: [...settings.cacheFrom, ...cacheFrom.map((spec) => resolvedSpec(spec, root))],
    cacheTo: [...settings.cacheTo, ...cacheTo.map((spec) => resolvedSpec(spec, root))],
  };
}

/** Names the images, and writes them where they were asked for. */
async function finished(
  built: Built,
  notes: readonly BuildNotes[],
  settings: BuildSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<BuildResult> {
  const { images } = built;
  const { outputs, push, load, cacheTo } = settings;
  tellUnused(bench);
  const [only] = images;
  const isKept = outputs.length === 0 && !push && load === undefined && cacheTo.length === 0;
  const project = projectOf(tags, settings.file ?? settings.contextDir);
  if (only !== undefined && images.length === 1 && isKept) {
    noteBuild(bench.store, project, only.digest);
    return { digest: only.digest, images, tags: keepTags(tags, only.digest, bench), outputs: [] };
  }
  // Loaded only for a build that writes something: most of the code for outputs has no part in a no-op.
  const { publishImages } = await import("./outputs.ts");
  const { buildTag } = await import("./caches/open-caches.ts");
  const its = { ...settings, build: () => buildTag(settings) };
  const published = await publishImages(built, notes, its, tags, bench);
  noteBuild(bench.store, project, published.digest);
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
  const notes: BuildNotes[] = [];
  const images = await exportedWhenFailed(notes, settings, bench, () =>
    dockerfileImages(file, platforms, settings, created, recorded, notes, bench),
  );
  bench.store.records.put("stages-built", file, true);
  return finished({ images }, notes, settings, tags, bench);
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
  const notes: BuildNotes[] = [];
  const built = await exportedWhenFailed(notes, settings, bench, () =>
    stagedImages(project, settings, created, recorded, notes, session),
  );
  bench.store.records.put("stages-built", root, true);
  return finished(built, notes, settings, tags, bench);
}

/** What was finished is of use to others although a later step failed. */
async function exportedWhenFailed<T>(
  notes: readonly BuildNotes[],
  settings: BuildSettings,
  bench: Workbench,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isGone = error instanceof CambiumError && error.code === "LAYER_GONE";
    if (settings.cacheTo.length === 0 || bench.signal.aborted || isGone) throw error;
    const { exportCaches } = await import("./caches/export-caches.ts");
    const { buildTag } = await import("./caches/open-caches.ts");
    await exportCaches(settings.cacheTo, { notes, build: buildTag(settings) }, bench);
    throw error;
  }
}

/** @param name Dockerfile or project folder: a machine that built it before knows as much as its record */
async function recordedStagesFor(
  name: string,
  settings: BuildSettings,
  tags: readonly Reference[],
  bench: Workbench,
): Promise<RecordedStages | undefined> {
  const isNew = bench.store.records.get("stages-built", name) === undefined;
  if (!asksOthers(settings, isNew)) return undefined;
  const { buildTag, openSources } = await import("./caches/open-caches.ts");
  const { recordedStages } = await import("./records/recorded-stages.ts");
  const sources = openSources(settings.cacheFrom, settings.push && isNew ? tags : [], bench);
  return recordedStages(sources, buildTag(settings), bench);
}

function tagsOf(settings: BuildSettings, project: Project): Reference[] {
  return parseTags(settings.tags.length > 0 ? settings.tags : project.tags);
}

async function recordedFor(
  settings: BuildSettings,
  project: Project,
  bench: Workbench,
): Promise<RecordedBuild | undefined> {
  const isNew = bench.store.records.get("project-lock", project.loaded.context.root) === undefined;
  if (!asksOthers(settings, isNew)) return undefined;
  const { buildTag, openSources } = await import("./caches/open-caches.ts");
  const { recordedBuild } = await import("./records/recorded-build.ts");
  const tags = settings.push && isNew ? tagsOf(settings, project) : [];
  return recordedBuild(openSources(settings.cacheFrom, tags, bench), buildTag(settings), bench);
}

/**
 * Records of earlier builds may be where the user names; and, for a machine that never built this project, where the image is
 * going to be pushed. One that did knows as much, and need not ask.
 */
function asksOthers({ cacheFrom, push, isAlone }: BuildSettings, isNew: boolean): boolean {
  return isAlone !== true && (cacheFrom.length > 0 || (push && isNew));
}
