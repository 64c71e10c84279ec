import { canonicalJson } from "../../canonical-json.ts";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import type { LockedSources } from "../../ecosystems/locked-sources.ts";
import { CambiumError, usageError } from "../../errors.ts";
import type { StageGraph } from "../../graph/stages.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { formatPlatform, KNOWN_PLATFORMS, machinePlatform, type Platform } from "../../platform.ts";
import { commitOf } from "../../solve/sources/git-source.ts";
import { fetchedDigest, fileNameOf } from "../../solve/sources/http-source.ts";
import {
  isNamed,
  type OpenSource,
  openSources,
  SourcePins,
  sourceName,
} from "../../solve/sources/pinned-sources.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { StagesSettings } from "../settings.ts";
import { type FoundImage, isForgotten, type ReadStages, readStages } from "./read-stages.ts";

/**
 * What the target of a Dockerfile takes from elsewhere, pinned: for the platforms asked for, and for the others where its
 * images have them. Earlier choices stay unless `upgrade` or `pull` is given; other parts of an earlier lock stay.
 * @throws CambiumError `UPGRADE_UNKNOWN`, and as `readStages`, `fetchedDigest` and `resolveCommit`.
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
    images: lockedImages(read.flatMap(({ images }) => images)),
    ...(await lockedSources(
      read.map(({ graph }) => graph),
      pins,
      bench,
    )),
  };
  assertNamesKnown(settings, sources);
  const { base, debian, python, stages } = before ?? {};
  const isShared = [base, debian, python, stages].some((part) => part !== undefined);
  return isShared ? { ...before!, sources } : { version: 1, inputs: inputsOf(sources), sources };
}

function lockedImages(found: readonly FoundImage[]): LockedSources["images"] {
  const targets = new Map<string, Record<string, Digest>>();
  for (const { reference, platform, digest } of found) {
    targets.set(reference, { ...targets.get(reference), [platform.architecture]: digest });
  }
  return [...targets].map(([reference, of]) => ({ reference, targets: of }));
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
  const http: Locked<"http">[] = [];
  const git: Locked<"git">[] = [];
  const seen = new Set<string>();
  for (const source of graphs.flatMap(openSources)) {
    const { url } = source;
    const key = canonicalJson([url, source.kind === "git" ? source.ref : undefined]);
    if (seen.has(key)) continue;
    seen.add(key);
    if (source.kind === "git") git.push(await lockedCommit(source, pins, bench));
    else {
      const digest = pins.file(url) ?? (await fetchedDigest(url, fileNameOf(url), bench));
      http.push({ url: sourceName(url), digest });
    }
  }
  return { http, git };
}

type Locked<Kind extends keyof LockedSources> = LockedSources[Kind][number];

async function lockedCommit(
  source: Extract<OpenSource, { kind: "git" }>,
  pins: SourcePins,
  bench: Workbench,
): Promise<Locked<"git">> {
  const { url, ref } = source;
  const known = pins.commit(url, ref);
  if (known !== undefined) return known;
  return { url: sourceName(url), ...(ref !== undefined && { ref }), ...(await commitOf(source, bench)) };
}

/** What was asked for: names without what they mean. */
function inputsOf({ images, http, git }: LockedSources) {
  const names = [
    ...images.map(({ reference, targets }) => `${reference} ${Object.keys(targets).sort().join(" ")}`),
    ...http.map(({ url }) => url),
    ...git.map(({ url, ref }) => `${url}#${ref ?? ""}`),
  ];
  return digestOf(canonicalJson([...new Set(names)].sort()));
}

function assertNamesKnown({ upgrade }: StagesSettings, sources: LockedSources): void {
  if (typeof upgrade !== "object") return;
  const known = [
    ...sources.images.map(({ reference }) => reference),
    ...[...sources.http, ...sources.git].map(({ url }) => url),
  ];
  const unknown = upgrade.find((name) => !known.some((source) => isNamed(source, name)));
  if (unknown === undefined) return;
  throw usageError(
    "UPGRADE_UNKNOWN",
    `--upgrade=${unknown}: the Dockerfile takes nothing of that name`,
    `It takes: ${[...new Set(known)].slice(0, 10).join(", ") || "nothing from elsewhere"}.`,
  );
}
