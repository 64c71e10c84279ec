import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { usageError } from "../../errors.ts";
import { type ReadDockerfile, readDockerfile } from "../../frontend/dockerfile/read-dockerfile.ts";
import { parseLayoutReference } from "../../image/layout-reference.ts";
import { parseReference } from "../../image/reference.ts";
import type { Digest } from "../../layer/digest.ts";
import { formatPlatform, machinePlatform, type Platform } from "../../platform.ts";
import { type BaseDocuments, baseDocuments, findBase } from "../../solve/base-documents.ts";
import { readLockFile } from "../../solve/lock.ts";
import { isNamed, SourcePins } from "../../solve/sources/pinned-sources.ts";
import type { ContextFolder } from "../../solve/steps/stage-files.ts";
import type { StageSettings } from "../../solve/steps/stage-solver.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { ProjectSettings, StagesSettings } from "../settings.ts";
import { stepSettings } from "./step-settings.ts";

/** An image that was looked up. */
export type FoundImage = {
  readonly reference: string;
  readonly platform: Platform;
  readonly digest: Digest;
};

export type ReadStages = ReadDockerfile & {
  /** Images of registries that no reference has the digest of. */
  readonly images: readonly FoundImage[];
};

/** Absolute, whether it is there or not. */
export function lockPathOf({ contextDir }: Pick<ProjectSettings, "contextDir">): string {
  return join(contextDir, "cambium.lock");
}

/** What the lock beside a Dockerfile says, but for what is to be looked up again. */
export async function pinsFor(settings: StagesSettings, bench: Workbench): Promise<SourcePins> {
  const { locked, upgrade, pull } = settings;
  const isRefreshing = pull || upgrade === true || (Array.isArray(upgrade) && upgrade.length > 0);
  if (locked && isRefreshing) {
    throw usageError(
      "FLAG_CONFLICT",
      "--locked asks for what cambium.lock says, and --pull and --upgrade for what is new",
      "Leave one out; `cambium lock --upgrade` brings the file up to date.",
    );
  }
  const lock = await readLockFile(lockPathOf(settings), bench);
  return new SourcePins(lock?.sources, (name) => isForgotten(name, settings), locked);
}

/** A URL is none of `--pull`'s: that is for images. */
export function isForgotten(name: string, { pull, upgrade }: StagesSettings): boolean {
  if (typeof upgrade === "object") return upgrade.some((one) => isNamed(name, one));
  return upgrade || (pull && !/^[a-z+]+:\/\//.test(name));
}

/** A notice where a lock is there and does not say all. */
export function tellMissing({ missing }: SourcePins, { emit }: Workbench): void {
  const [first, ...others] = missing;
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  emit({
    type: "notice",
    message: `cambium.lock does not say what ${first}${more} is (cambium lock adds it)`,
  });
}

/**
 * A Dockerfile for one platform, its images looked up.
 * @throws CambiumError `PROJECT_FILE_MISSING`, `DOCKERFILE_UNLOCKED`, and as `readDockerfile` and `findBase`.
 */
export async function readStages(
  file: string,
  platform: Platform,
  settings: StagesSettings,
  pins: SourcePins,
  bench: Workbench,
): Promise<ReadStages> {
  const { dockerfile, noCache } = settings;
  const images: FoundImage[] = [];
  const read = await readDockerfile(readText(file), basename(file), {
    buildArgs: dockerfile.buildArgs,
    ...(dockerfile.target !== undefined && { target: dockerfile.target }),
    ...(typeof noCache === "object" && { forgotten: noCache }),
    platform,
    buildPlatform: machinePlatform(),
    contexts: dockerfile.buildContexts,
    loadBase: async (reference, of) => {
      const { digest, config } = await base(reference, of, settings, pins, bench);
      if (isOpen(reference)) images.push({ reference, platform: of, digest });
      return { digest, config: config.config };
    },
  });
  return { ...read, images };
}

function isOpen(reference: string): boolean {
  return (
    parseLayoutReference(reference) === undefined && parseReference(reference, "FROM").digest === undefined
  );
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw usageError("PROJECT_FILE_MISSING", `cannot read ${file}`, "Check the name behind -f.", error);
  }
}

/**
 * What a lock says that a tag means, or what it meant when it was first asked for, until `--pull`; a folder is looked
 * into each time.
 */
async function base(
  reference: string,
  platform: Platform,
  settings: StagesSettings,
  pins: SourcePins,
  bench: Workbench,
): Promise<BaseDocuments> {
  if (parseLayoutReference(reference) !== undefined) return found(reference, platform, bench);
  const pin = isOpen(reference) ? pins.image(reference, platform) : undefined;
  if (pin !== undefined) return baseDocuments(reference, pin, platform, bench);
  const key = `${reference} ${formatPlatform(platform)}`;
  const known = bench.store.records.get("dockerfile-base", key) as Digest | undefined;
  if (known !== undefined && !isForgotten(reference, settings)) {
    return baseDocuments(reference, known, platform, bench);
  }
  const image = await found(reference, platform, bench);
  bench.store.records.put("dockerfile-base", key, image.digest);
  return image;
}

async function found(reference: string, platform: Platform, bench: Workbench): Promise<BaseDocuments> {
  const { images } = await findBase(reference, [platform], bench);
  return images[0]!;
}

/** How the stages of this file are solved. @throws CambiumError `CA_BUNDLE_UNREADABLE`. */
export function stageSettings(file: string, settings: StagesSettings): StageSettings {
  const ignoreFile = `${file}.dockerignore`;
  const { contextDir, dockerfile } = settings;
  const folders = [...dockerfile.buildContexts].filter(([, place]) => !/^[a-z-]+:\/\//.test(place));
  return {
    context: { root: contextDir, ...(existsSync(ignoreFile) && { ignoreFile }) },
    contexts: new Map(folders.map(([name, root]): [string, ContextFolder] => [name, { root }])),
    ...stepSettings(settings),
  };
}
