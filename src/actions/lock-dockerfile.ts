import { canonicalJson } from "../canonical-json.ts";
import type { CambiumLock } from "../ecosystems/cambium-lock.ts";
import type {
  LockedFile,
  LockedImage,
  LockedRepository,
  LockedSources,
} from "../ecosystems/locked-sources.ts";
import { CambiumError, usageError } from "../errors.ts";
import type { StageGraph } from "../graph/stages.ts";
import { digestOf } from "../layer/digest.ts";
import { formatPlatform, KNOWN_PLATFORMS, machinePlatform, type Platform } from "../platform.ts";
import { commitOf } from "../solve/steps/git-source.ts";
import { httpSource } from "../solve/steps/http-source.ts";
import {
  isNamed,
  type OpenSource,
  openSources,
  SourcePins,
  sourceName,
} from "../solve/steps/pinned-sources.ts";
import type { Workbench } from "../solve/workbench.ts";
import { isForgotten, type ReadStages, readStages, type StagesSettings } from "./read-stages.ts";

/**
 * What the target of a Dockerfile takes from elsewhere, pinned: for the platforms asked for, and for the others where its
 * images have them. Earlier choices stay unless `upgrade` or `pull` is given; other parts of an earlier lock stay.
 * @throws CambiumError `UPGRADE_UNKNOWN`, and as `readStages`, `httpSource` and `resolveCommit`.
 */
export async function lockDockerfile(
  file: string,
  settings: StagesSettings,
  before: CambiumLock | undefined,
  bench: Workbench,
): Promise<CambiumLock> {
  const pins = new SourcePins(before?.sources, (name) => isForgotten(name, settings));
  const read: ReadStages[] = [];
  const required = settings.platforms.length > 0 ? settings.platforms : [machinePlatform()];
  for (const platform of required) read.push(await readStages(file, platform, settings, pins, bench));
  for (const platform of KNOWN_PLATFORMS) {
    const isRequired = required.some((one) => formatPlatform(one) === formatPlatform(platform));
    const optional = isRequired ? undefined : await readIfFor(platform, file, settings, pins, bench);
    if (optional !== undefined) read.push(optional);
  }
  const sources = {
    images: unique(read.flatMap(({ images }) => images.map(lockedImage))),
    ...(await lockedSources(
      read.map(({ graph }) => graph),
      pins,
      bench,
    )),
  };
  assertNamesKnown(settings, sources);
  const { base, debian, python } = before ?? {};
  const isShared = base !== undefined || debian !== undefined || python !== undefined;
  return isShared ? { ...before!, sources } : { version: 1, inputs: inputsOf(sources), sources };
}

function lockedImage({ reference, platform, digest }: ReadStages["images"][number]): LockedImage {
  return { reference, platform: formatPlatform(platform), digest };
}

/** Undefined where an image is not for the platform. */
async function readIfFor(
  platform: Platform,
  file: string,
  settings: StagesSettings,
  pins: SourcePins,
  bench: Workbench,
): Promise<ReadStages | undefined> {
  try {
    return await readStages(file, platform, settings, pins, bench);
  } catch (error) {
    if (error instanceof CambiumError && error.code === "PLATFORM_UNKNOWN") return undefined;
    throw error;
  }
}

async function lockedSources(
  graphs: readonly StageGraph[],
  pins: SourcePins,
  bench: Workbench,
): Promise<Omit<LockedSources, "images">> {
  const files: LockedFile[] = [];
  const repositories: LockedRepository[] = [];
  const seen = new Set<string>();
  for (const source of graphs.flatMap(openSources)) {
    const key = canonicalJson([source.url, source.kind === "git" ? source.ref : undefined]);
    if (seen.has(key)) continue;
    seen.add(key);
    if (source.kind === "git") repositories.push(await lockedRepository(source, pins, bench));
    else
      files.push({
        url: sourceName(source.url),
        digest: pins.file(source.url) ?? (await fetched(source, bench)),
      });
  }
  return { files, repositories };
}

async function fetched(source: Extract<OpenSource, { kind: "http" }>, bench: Workbench) {
  const content = await httpSource(source, bench);
  const [file] = content.entries;
  if (file?.type !== "file") throw new TypeError(`no file: ${content.where}`);
  return content.digest(file);
}

async function lockedRepository(
  source: Extract<OpenSource, { kind: "git" }>,
  pins: SourcePins,
  bench: Workbench,
): Promise<LockedRepository> {
  const { url, ref } = source;
  const known = pins.commit(url, ref);
  if (known !== undefined) return known;
  return { url: sourceName(url), ...(ref !== undefined && { ref }), ...(await commitOf(source, bench)) };
}

function unique(images: readonly LockedImage[]): LockedImage[] {
  return [...new Map(images.map((image) => [canonicalJson(image), image])).values()];
}

/** What was asked for: names without what they mean. */
function inputsOf({ images, files, repositories }: LockedSources) {
  const names = [
    ...images.map(({ reference, platform }) => `${reference} ${platform}`),
    ...files.map(({ url }) => url),
    ...repositories.map(({ url, ref }) => `${url}#${ref ?? ""}`),
  ];
  return digestOf(canonicalJson([...new Set(names)].sort()));
}

function assertNamesKnown({ upgrade }: StagesSettings, sources: LockedSources): void {
  if (typeof upgrade !== "object") return;
  const known = [
    ...sources.images.map(({ reference }) => reference),
    ...[...sources.files, ...sources.repositories].map(({ url }) => url),
  ];
  const unknown = upgrade.find((name) => !known.some((source) => isNamed(source, name)));
  if (unknown === undefined) return;
  throw usageError(
    "UPGRADE_UNKNOWN",
    `--upgrade=${unknown}: the Dockerfile takes nothing of that name`,
    `It takes: ${[...new Set(known)].slice(0, 10).join(", ") || "nothing from elsewhere"}.`,
  );
}
