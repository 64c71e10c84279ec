import type { LockedSources } from "../../ecosystems/locked-sources.ts";
import { NO_SOURCES } from "../../ecosystems/locked-sources.ts";
import { usageError } from "../../errors.ts";
import type { WantedGit, WantedSources } from "../../graph/defined-stages.ts";
import type { Digest } from "../../layer/digest.ts";
import type { Platform } from "../../platform.ts";
import { findBase } from "../base-documents.ts";
import { isPlaced } from "../image-places.ts";
import type { Workbench } from "../workbench.ts";
import { commitNow } from "./git-source.ts";
import { fetchedDigest, fileNameOf } from "./http-source.ts";
import { isNamed, sourceName } from "./pinned-sources.ts";

export type SourcesRequest = {
  readonly wanted: WantedSources;
  readonly platforms: readonly Platform[];
  /** Absolute: names the project, whose last choices count where no file has them. */
  readonly root: string;
  /** Of `cambium.lock`. */
  readonly file: LockedSources | undefined;
  /** Of an earlier build elsewhere, for what this machine does not know. */
  readonly recorded?: LockedSources | undefined;
  readonly locked: boolean;
  /** Names of images, and of URLs as the lock has them. */
  readonly upgrade: boolean | readonly string[];
  /** Images are looked up again. */
  readonly pull: boolean;
};

/**
 * What files of the web, branches and images are: as the lock says, as they were when this project was last built here,
 * or as they are now.
 * @throws CambiumError `LOCK_STALE` with `locked`, and as `fetchedDigest`, `commitNow` and `findBase`.
 */
export async function obtainSources(request: SourcesRequest, bench: Workbench): Promise<LockedSources> {
  const { wanted, root, locked, file = NO_SOURCES, recorded } = request;
  if (wanted.http.length + wanted.git.length + wanted.images.length === 0) return NO_SOURCES;
  const memory = bench.store.records.get("sources", root) as LockedSources | undefined;
  const earlier = [file, ...(locked ? [] : [memory, recorded])].filter((one) => one !== undefined);
  const sources: LockedSources = {
    http: await Promise.all(wanted.http.map((url) => httpNow(url, earlier, request, bench))),
    git: await Promise.all(wanted.git.map((one) => gitNow(one, earlier, request, bench))),
    images: await Promise.all(wanted.images.map((one) => imageNow(one, earlier, request, bench))),
  };
  // What stands in an image's place says nothing of it.
  const images = sources.images.filter(({ reference }) => !isPlaced(reference, bench));
  bench.store.records.put("sources", root, { ...sources, images });
  return sources;
}

async function httpNow(
  url: string,
  earlier: readonly LockedSources[],
  request: SourcesRequest,
  bench: Workbench,
) {
  const name = sourceName(url);
  const known = earlier.flatMap(({ http }) => http).find((one) => one.url === name);
  if (known !== undefined && !isUpgraded(name, request)) return known;
  assertUnlocked(name, request);
  return { url: name, digest: await fetchedDigest(url, fileNameOf(url), bench) };
}

async function gitNow(
  wanted: WantedGit,
  earlier: readonly LockedSources[],
  request: SourcesRequest,
  bench: Workbench,
) {
  const { url, ref } = wanted;
  const name = sourceName(url);
  const known = earlier.flatMap(({ git }) => git).find((one) => one.url === name && one.ref === ref);
  if (known !== undefined && !isUpgraded(name, request)) return known;
  assertUnlocked(name, request);
  return { ...wanted, url: name, commit: await commitNow(wanted, bench) };
}

async function imageNow(
  reference: string,
  earlier: readonly LockedSources[],
  request: SourcesRequest,
  bench: Workbench,
) {
  const { platforms, pull } = request;
  const isFresh = isPlaced(reference, bench);
  const isAnswer = (targets: Readonly<Record<string, Digest>>) =>
    platforms.every(({ architecture }) => targets[architecture] !== undefined);
  const known = earlier
    .flatMap(({ images }) => images)
    .find((one) => one.reference === reference && isAnswer(one.targets));
  if (known !== undefined && !pull && !isFresh && !isUpgraded(reference, request)) return known;
  if (!isFresh) assertUnlocked(reference, request);
  const { images } = await findBase(reference, platforms, bench);
  const targets = platforms.map(({ architecture }, i) => [architecture, images[i]!.digest] as const);
  return { reference, targets: Object.fromEntries(targets) };
}

function isUpgraded(name: string, { upgrade }: SourcesRequest): boolean {
  return typeof upgrade === "boolean" ? upgrade : upgrade.some((one) => isNamed(name, one));
}

function assertUnlocked(name: string, { locked }: SourcesRequest): void {
  if (!locked) return;
  throw usageError(
    "LOCK_STALE",
    `--locked: cambium.lock: it does not say what ${name} is`,
    "Run `cambium lock` and commit the file.",
  );
}
