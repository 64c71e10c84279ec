import { relative, resolve } from "node:path";
import { openRemote } from "../../cache/open-remote.ts";
import { type CacheExport, type CacheImport, parsePlace } from "../../cache/place.ts";
import { type Source, Sources } from "../../cache/sources.ts";
import { canonicalJson } from "../../canonical-json.ts";
import type { Reference } from "../../image/reference.ts";
import { digestOf, hexOf } from "../../layer/digest.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { BuildSettings } from "../settings.ts";
import { mountProject } from "../stages/mount-project.ts";

/**
 * Where a build looks for what others left: what the user names; and, with `tags`, where the image is going to be pushed.
 * @throws CambiumError `REFERENCE_SYNTAX`.
 */
export function openSources(
  cacheFrom: BuildSettings["cacheFrom"],
  tags: readonly Reference[],
  { registries, emit, signal, brokenPlaces }: Workbench,
): Sources {
  const pushed = tags.map((reference): CacheImport => ({ place: { kind: "registry", reference } }));
  const named = cacheFrom.map((spec) => ({ ...spec, place: parsePlace(spec.place, "--cache-from") }));
  const sources = [...named, ...pushed].map(
    ({ place, stages }): Source => ({
      remote: openRemote(place, registries),
      ...(stages !== undefined && { stages }),
    }),
  );
  return new Sources(sources, { emit, signal, brokenPlaces });
}

/** Before any work. @throws CambiumError `REFERENCE_SYNTAX`. */
export function assertPlaces({ cacheFrom, cacheTo }: Pick<BuildSettings, "cacheFrom" | "cacheTo">): void {
  for (const { place } of cacheFrom) parsePlace(place, "--cache-from");
  parseExports(cacheTo);
}

/** @throws CambiumError `REFERENCE_SYNTAX`. */
export function parseExports(cacheTo: BuildSettings["cacheTo"]): CacheExport[] {
  return cacheTo.map((spec) => ({ ...spec, place: parsePlace(spec.place, "--cache-to") }));
}

/**
 * What builds of one thing are called in a folder, the same on every machine: the project, its file, and which of its stages
 * is the image.
 */
export function buildTag(settings: BuildSettings): string {
  const { contextDir, file, dockerfile, platforms } = settings;
  const project = mountProject(settings);
  const document = {
    version: 1,
    // A path is another one in the next job: then what the folder holds is taken for this project's.
    project: project.startsWith("folder ") ? "" : project,
    file: file === undefined ? "" : relative(contextDir, resolve(contextDir, file)),
    target: dockerfile.target ?? "",
    platforms: platforms.map(({ os, architecture }) => `${os}/${architecture}`),
  };
  return `cambium-image-${hexOf(digestOf(canonicalJson(document)))}`;
}
