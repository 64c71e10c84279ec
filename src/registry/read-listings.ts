import { z } from "zod";
import { CambiumError } from "../errors.ts";
import { describeIssues, type IndexRow, indexSchema } from "../image/documents.ts";
import type { Digest } from "../layer/digest.ts";
import { readManifest } from "./read-manifest.ts";
import { readPages } from "./read-pages.ts";
import type { RepositoryClient } from "./repository-client.ts";

const tagsSchema = z.object({ tags: z.array(z.string()).nullish() });

/** All tags, as the registry orders them; none for a repository that does not exist. @throws as `readPages`. */
export async function readTags(client: RepositoryClient): Promise<string[]> {
  const pages = await readPages(
    client,
    { url: "tags/list?n=1000", what: "list of tags", missing: [404] },
    tagsSchema,
  );
  return (pages ?? []).flatMap(({ value }) => value.tags ?? []);
}

/** Where referrers are listed on registries without the API. (distribution-spec, "Referrers Tag Schema") */
export function referrersTag(digest: Digest): string {
  return digest.replace(":", "-");
}

/**
 * What has `digest` as its subject, perhaps of one artifact type only; by the API, or by the fallback tag where there is
 * none. (distribution-spec, "Listing Referrers")
 * @throws CambiumError `MANIFEST_INVALID`, and as `readPages` and `readManifest`.
 */
export async function readReferrers(
  client: RepositoryClient,
  digest: Digest,
  artifactType?: string,
): Promise<IndexRow[]> {
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const what = `referrers of ${digest}`;
  // 404 is what the spec wants of registries without the API; others have been seen to say the rest.
  const missing = [400, 404, 405];
  const pages = await readPages(client, { url: `referrers/${digest}${query}`, what, missing }, indexSchema);
  const found = pages?.flatMap(({ value }) => value.manifests) ?? (await fromTag(client, digest));
  // A registry need not filter.
  return found.filter((row) => artifactType === undefined || row.artifactType === artifactType);
}

async function fromTag(client: RepositoryClient, digest: Digest): Promise<IndexRow[]> {
  const tag = referrersTag(digest);
  const blob = await readManifest(client, tag);
  if (blob === undefined) return [];
  const parsed = indexSchema.safeParse(JSON.parse(Buffer.from(blob.bytes).toString("utf8")));
  if (parsed.success) return parsed.data.manifests;
  throw new CambiumError("MANIFEST_INVALID", `${client.name}: ${tag}: ${describeIssues(parsed.error)}`, {
    hint: "The tag should hold an index of referrers; delete it if nobody needs it.",
  });
}
