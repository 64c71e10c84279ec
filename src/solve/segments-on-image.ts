import { canonicalJson } from "../canonical-json.ts";
import { mergedAccounts } from "../ecosystems/debian/generate/merged-accounts.ts";
import { mergedStatus } from "../ecosystems/debian/generate/merged-status.ts";
import { digestOf } from "../layer/digest.ts";
import { CONSTANT_MTIME } from "../layer/entry.ts";
import { type SourceEntry, segmentFromFiles } from "../layer/files.ts";
import { readSegmentFile } from "../layer/read-file.ts";
import type { Segment } from "../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import type { BlobStore } from "../store/blobs.ts";
import { type GeneratedSegments, type GenerateRequest, rememberedSegments } from "./debian-segments.ts";
import type { BaseImage } from "./opened-base.ts";
import type { Workbench } from "./workbench.ts";

/**
 * Files of an image of a registry that further packages and users change: accounts and dpkg's database, each with the
 * image's own lines first. A segment for each, since they change for different reasons.
 * @throws CambiumError `USER_INVALID`, `DEBIAN_CONTROL_SYNTAX`.
 */
export async function segmentsOnImage(
  request: GenerateRequest & { readonly base: BaseImage },
  bench: Workbench,
): Promise<GeneratedSegments> {
  const { definition, debs, debian, base } = request;
  const { users } = definition;
  const ids = debian.map(({ id }) => id);
  const key = digestOf(
    canonicalJson({ layoutVersion: LAYOUT_VERSIONS.base, base: base.digest, users, debian: ids, debs }),
  );
  return rememberedSegments(key, request.isWhole, bench, async () => {
    await request.complete(new Set(ids));
    return made(request, bench.store.blobs);
  });
}

function made(
  { definition, debs, debian, platform, base }: GenerateRequest & { readonly base: BaseImage },
  blobs: BlobStore,
): Segment[] {
  const packages = debs.flatMap(({ name }, i) => {
    const segment = debian[i];
    return segment === undefined ? [] : [{ name, segment }];
  });
  const status = mergedStatus(
    {
      before: base.tree.text("var/lib/dpkg/status"),
      packages,
      architecture: platform.architecture,
      hasFormat: base.tree.lookup("var/lib/dpkg/info/format") !== undefined,
      where: base.facts.where,
    },
    (file) => readSegmentFile(blobs, file),
  );
  const parts: readonly (readonly [name: string, entries: readonly SourceEntry[]])[] = [
    ["accounts", mergedAccounts(base.tree, definition.users)],
    ["dpkg status", status],
  ];
  return parts.flatMap(([name, entries]) => {
    if (entries.length === 0) return [];
    const described = entries.map((entry) =>
      entry.type === "file" ? { ...entry, content: digestOf(entry.content) } : entry,
    );
    const recipe = {
      ecosystem: "generated",
      layoutVersion: LAYOUT_VERSIONS.base,
      source: digestOf(canonicalJson(described)),
      options: { name },
    } as const;
    return [segmentFromFiles({ recipe, name, key: name, mtimeSec: CONSTANT_MTIME, entries }, blobs)];
  });
}
