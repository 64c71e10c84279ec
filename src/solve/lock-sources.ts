import type { LockedSources } from "../ecosystems/locked-sources.ts";
import { usageError } from "../errors.ts";
import { redactUrl } from "../fetch/redact.ts";
import type { WantedGit, WantedSources } from "../graph/defined-stages.ts";
import { digestOf } from "../layer/digest.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { findBase } from "./base-documents.ts";
import { commitNow } from "./steps/git-source.ts";
import { fetchedDigest, fileNameOf } from "./steps/http-source.ts";
import type { Workbench } from "./workbench.ts";

export type SourcesRequest = {
  readonly wanted: WantedSources;
  readonly platforms: readonly Platform[];
  /** Absolute: names the project, whose last choices count where no file has them. */
  readonly root: string;
  /** Of `cambium.lock`. */
  readonly file: LockedSources | undefined;
  readonly locked: boolean;
  /** Names may be URLs and references. */
  readonly upgrade: boolean | readonly string[];
  /** Images are looked up again. */
  readonly pull: boolean;
};

export const NO_SOURCES: LockedSources = { images: [], files: [], repositories: [] };

/** A URL as a lock may name it: without credentials, and with its query, which may hold some, as a digest. */
export function sourceName(url: string): string {
  const query = /\?([^#]*)/.exec(url)?.[1];
  const bare = redactUrl(url);
  return query === undefined ? bare : `${bare}?${digestOf(query).slice("sha256:".length, 23)}`;
}

/**
 * What files of the web, branches and images are: as the lock says, as they were when this project was last built here,
 * or as they are now.
 * @throws CambiumError `LOCK_STALE` with `locked`, and as `fetchedDigest`, `commitNow` and `findBase`.
 */
export async function obtainSources(request: SourcesRequest, bench: Workbench): Promise<LockedSources> {
  const { wanted, root, file = NO_SOURCES } = request;
  if (wanted.http.length + wanted.git.length + wanted.images.length === 0) return NO_SOURCES;
  const memory = request.locked
    ? undefined
    : (bench.store.records.get("sources", root) as LockedSources | undefined);
  const earlier = [file, ...(memory === undefined ? [] : [memory])];
  const sources: LockedSources = {
    files: await Promise.all(wanted.http.map((url) => fileNow(url, earlier, request, bench))),
    repositories: await Promise.all(wanted.git.map((one) => commitOf(one, earlier, request, bench))),
    images: (
      await Promise.all(wanted.images.map((reference) => imagesNow(reference, earlier, request, bench)))
    ).flat(),
  };
  bench.store.records.put("sources", root, sources);
  return sources;
}

type Earlier = readonly LockedSources[];

async function fileNow(url: string, earlier: Earlier, request: SourcesRequest, bench: Workbench) {
  const name = sourceName(url);
  const known = earlier.flatMap(({ files }) => files).find((one) => one.url === name);
  if (known !== undefined && !isUpgraded([url, name], request)) return known;
  assertUnlocked(name, request);
  return { url: name, digest: await fetchedDigest(url, fileNameOf(url), bench) };
}

async function commitOf(wanted: WantedGit, earlier: Earlier, request: SourcesRequest, bench: Workbench) {
  const { url, ref } = wanted;
  const name = sourceName(url);
  const known = earlier
    .flatMap(({ repositories }) => repositories)
    .find((one) => one.url === name && one.ref === ref);
  if (known !== undefined && !isUpgraded([url, name], request)) return known;
  assertUnlocked(name, request);
  return { ...wanted, ...(await commitNow(wanted, bench)), url: name };
}

/** Of each platform, all looked up together: what a tag is on one it shall be on the others. */
async function imagesNow(reference: string, earlier: Earlier, request: SourcesRequest, bench: Workbench) {
  const { platforms, pull } = request;
  const known = platforms.map((platform) =>
    earlier
      .flatMap(({ images }) => images)
      .find((one) => one.reference === reference && one.platform === formatPlatform(platform)),
  );
  const isKept = !pull && !isUpgraded([reference], request);
  if (isKept && known.every((one) => one !== undefined)) return known;
  assertUnlocked(reference, request);
  const { images } = await findBase(reference, platforms, bench);
  return platforms.map((platform, i) => ({
    ...{ reference, platform: formatPlatform(platform), digest: images[i]!.digest },
  }));
}

function isUpgraded(names: readonly string[], { upgrade }: SourcesRequest): boolean {
  return typeof upgrade === "boolean" ? upgrade : names.some((name) => upgrade.includes(name));
}

function assertUnlocked(name: string, { locked }: SourcesRequest): void {
  if (!locked) return;
  throw usageError(
    "LOCK_STALE",
    `--locked: cambium.lock: it does not say what ${name} is`,
    "Run `cambium lock` and commit the file.",
  );
}
