import { linkedBy } from "../../cache/linked.ts";
import { openRemote } from "../../cache/open-remote.ts";
import { parsePlace } from "../../cache/place.ts";
import type { Remote } from "../../cache/remote.ts";
import { REMOTE_KINDS } from "../../cache/remote-choice.ts";
import { isIndexType, isManifestType } from "../../image/media-types.ts";
import type { Digest } from "../../layer/digest.ts";
import type { RemoteUsage } from "../results.ts";
import { withImages } from "../session.ts";
import type { RemoteUsageSettings } from "../settings.ts";
import { remoteRows } from "./remote-rows.ts";

/**
 * What a place holds, by what its tags are for. Nothing but manifests is read. A blob that several lead to counts once, with
 * the first kind in the order of `REMOTE_KINDS`; blobs that a registry has not freed yet are nobody's.
 * @throws CambiumError as `Remote`.
 */
export async function remoteUsage(settings: RemoteUsageSettings): Promise<RemoteUsage> {
  const place = parsePlace(settings.place, "--remote");
  return withImages(settings, async ({ registries }) => {
    const remote = openRemote(place, registries);
    const rows = await remoteRows(remote);
    const seen = new Set<Digest>();
    const kinds: { name: string; count: number; sizeBytes: number }[] = [];
    for (const name of REMOTE_KINDS) {
      const those = rows.filter(({ kind }) => kind === name);
      if (those.length === 0) continue;
      let sizeBytes = 0;
      for (const { digest } of those) sizeBytes += await newBytes(digest, remote, seen);
      kinds.push({ name, count: those.length, sizeBytes });
    }
    const totalBytes = kinds.reduce((sum, kind) => sum + kind.sizeBytes, 0);
    return { where: remote.name, totalBytes, kinds };
  });
}

/** Bytes of a manifest and of all that it leads to, but for what was seen before. */
async function newBytes(digest: Digest, remote: Remote, seen: Set<Digest>): Promise<number> {
  if (seen.has(digest)) return 0;
  seen.add(digest);
  // What is gone takes nothing.
  const manifest = await remote.manifest(digest);
  if (manifest === undefined) return 0;
  let bytes = manifest.bytes.byteLength;
  for (const { digest: to, mediaType = "", size = 0 } of linkedBy(manifest.bytes)) {
    if (isManifestType(mediaType) || isIndexType(mediaType)) bytes += await newBytes(to, remote, seen);
    else if (!seen.has(to)) {
      seen.add(to);
      // A folder leaves the layers of bases out; a registry takes no manifest without its blobs.
      if (remote.place.kind === "registry" || (await remote.hasBlob({ digest: to, size }))) bytes += size;
    }
  }
  return bytes;
}
