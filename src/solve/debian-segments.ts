import { canonicalJson } from "../canonical-json.ts";
import { hasDpkg } from "../ecosystems/debian/generate/dpkg-database.ts";
import { DPKG_SEGMENT, generateBase } from "../ecosystems/debian/generate-base.ts";
import type { LockedDeb } from "../ecosystems/debian/lock.ts";
import { scriptsNotice, scriptsThatMatter } from "../ecosystems/debian/scripts.ts";
import { debRecipe } from "../ecosystems/debian/transcode.ts";
import type { DebianBase, Definition } from "../graph/definition.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import { readSegmentFile } from "../layer/read-file.ts";
import type { Segment, SegmentFile, SegmentId } from "../layer/segment.ts";
import { segmentId } from "../layer/segment-id.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import type { Platform } from "../platform.ts";
import { type Complete, ensureSegments, type Locate, type WantedSegment, wholeSegment } from "./segments.ts";
import { shippedDebs } from "./shipped-debs.ts";
import type { Workbench } from "./workbench.ts";

/** The locked .debs as segments, in their order. */
export async function debianSegments(
  debs: readonly LockedDeb[],
  keep: DebianBase["keep"],
  bench: Workbench,
  locate: Locate,
): Promise<Segment[]> {
  return ensureSegments(
    debs.map((deb) => wantedDeb(deb, keep)),
    bench,
    locate,
  );
}

export function wantedDeb(deb: LockedDeb, keep: DebianBase["keep"]): WantedSegment {
  const { name, version, sha256: digest, sizeBytes, path } = deb;
  return {
    id: segmentId(debRecipe(deb, keep)),
    name: `${name} ${version}`,
    archive: { urls: [], digest, sizeBytes, name: path.slice(path.lastIndexOf("/") + 1) },
    job: { kind: "deb", deb, keep },
  };
}

export type GenerateRequest = {
  readonly definition: Definition;
  readonly debs: readonly LockedDeb[];
  readonly debian: readonly Segment[];
  readonly platform: Platform;
  /** Of the packages. */
  readonly complete: Complete;
  readonly locateDebs: Locate;
  /** The segments are wanted with all their bytes. */
  readonly isWhole: boolean;
};

/**
 * What no package ships: accounts, caches, links. Computed once per set of packages and accounts, since it reads
 * several hundred files.
 */
export async function generatedSegments(
  request: GenerateRequest,
  bench: Workbench,
): Promise<GeneratedSegments | undefined> {
  const { definition, debs, debian, platform } = request;
  if (debian.length === 0) return undefined;
  const { store } = bench;
  if (definition.base.kind !== "debian") throw new TypeError("generated for a base that is not Debian");
  const { suite, keep } = definition.base;
  const { architecture } = platform;
  const { users } = definition;
  const ids = debian.map(({ id }) => id);
  const key = digestOf(
    canonicalJson({
      layoutVersion: LAYOUT_VERSIONS.base,
      dpkg: LAYOUT_VERSIONS.dpkg,
      ...{ suite, architecture, users, debian: ids },
    }),
  );
  return rememberedSegments(key, request.isWhole, bench, async () => {
    await request.complete(new Set(ids));
    const files = new Map<string, SegmentFile>();
    for (const { entries } of debian)
      for (const entry of entries) if (entry.type === "file") files.set(entry.path, entry);
    const readFile = (path: string) => {
      const file = files.get(path);
      return file === undefined ? undefined : readSegmentFile(store.blobs, file);
    };
    const pairs = debs.flatMap((deb, index) => {
      const segment = debian[index];
      return segment === undefined ? [] : [{ deb, segment }];
    });
    const wanted = hasDpkg(debs) ? debs.map((deb) => ({ deb, want: wantedDeb(deb, keep) })) : [];
    const shipped = await shippedDebs(wanted, bench, request.locateDebs);
    const input = { debs: pairs, suite, architecture, users, readFile, keep, shipped };
    return generateBase(input, store.blobs);
  });
}

/** Whether it is dpkg's database, which has a layer of its own: it changes with every package. */
export function isDpkgDatabase({ recipe, name }: Segment): boolean {
  return recipe.ecosystem === "generated" && name === DPKG_SEGMENT;
}

/** `key`: of what they are generated from. */
export type GeneratedSegments = { readonly key: Digest; readonly segments: readonly Segment[] };

/** Generated segments by what they are generated from; they are small, but what they are made of is not. */
export async function rememberedSegments(
  key: Digest,
  isWhole: boolean,
  bench: Workbench,
  make: () => Promise<readonly Segment[]>,
): Promise<GeneratedSegments> {
  const { store, lease } = bench;
  const known = bench.isForgetful
    ? undefined
    : (store.records.get("generated", key) as SegmentId[] | undefined);
  const before = known?.map((id) => (isWhole ? wholeSegment(bench, id) : store.segments.get(id)));
  if (before?.every((segment) => segment !== undefined)) return { key, segments: before };
  const made = await make();
  for (const segment of made) {
    lease.protect(segment.blobs);
    store.segments.put(segment);
  }
  const ids = made.map(({ id }) => id);
  store.records.put("generated", key, ids);
  return { key, segments: made };
}

/**
 * Names the packages whose maintainer scripts, which never run, may have set up something: the seed's are answered for,
 * so this is about what people add. Known per .deb, since reading one takes its whole archive.
 */
export async function noteScripts(debs: readonly LockedDeb[], { store, emit }: Workbench): Promise<void> {
  const found: { name: string; scripts: readonly string[] }[] = [];
  for (const deb of debs) {
    let scripts = store.records.get("deb-scripts", deb.sha256) as readonly string[] | undefined;
    if (scripts === undefined && store.blobs.has(deb.sha256)) {
      scripts = await scriptsThatMatter(store.blobs.path(deb.sha256), deb);
      store.records.put("deb-scripts", deb.sha256, scripts);
    }
    found.push({ name: deb.name, scripts: scripts ?? [] });
  }
  const message = scriptsNotice(found);
  if (message !== undefined) emit({ type: "notice", message });
}
