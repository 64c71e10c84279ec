import { pruneFolder } from "../../cache/folder-export.ts";
import { linkedBy } from "../../cache/linked.ts";
import { openRemote } from "../../cache/open-remote.ts";
import { parsePlace, placeName } from "../../cache/place.ts";
import { recordFrom, recordRow, stagesRecordFrom } from "../../cache/record-artifact.ts";
import type { Remote } from "../../cache/remote.ts";
import { dayOf, keptImages, type RemoteRow, removableRows, subjectOf } from "../../cache/remote-choice.ts";
import { CambiumError } from "../../errors.ts";
import { createGate } from "../../fetch/gate.ts";
import type { Digest } from "../../layer/digest.ts";
import type { RemotePruneResult } from "../results.ts";
import { withImages } from "../session.ts";
import type { RemotePruneSettings } from "../settings.ts";
import { remoteRows } from "./remote-rows.ts";

const CONCURRENCY = 8;
/** Images of which builds told last that stay unless it is said otherwise. */
const DEFAULT_LAST = 10;

/**
 * Removes from a place what no image that stays needs: its record says what that is.
 * @throws CambiumError `CACHE_UNDELETABLE` where a registry deletes nothing; as `Remote`.
 */
export async function pruneRemote(settings: RemotePruneSettings): Promise<RemotePruneResult> {
  const { isDryRun, keepLast, keepUsedWithinMs } = settings;
  const place = parsePlace(settings.place, "--remote");
  return withImages(settings, async ({ registries, signal }) => {
    if (place.kind === "folder") {
      const counts = await pruneFolder(place.path, keepLast ?? DEFAULT_LAST, isDryRun, signal);
      return { where: placeName(place), isDryRun, ...counts };
    }
    const remote = openRemote(place, registries, "delete");
    const rows = await remoteRows(remote);
    const choice = {
      ...(keepUsedWithinMs === undefined && { keepLast: keepLast ?? DEFAULT_LAST }),
      ...(keepLast !== undefined && { keepLast }),
      ...(keepUsedWithinMs !== undefined && { sinceDay: dayOf(Date.now() - keepUsedWithinMs) }),
    };
    const kept = keptImages(rows, choice);
    const going = removableRows(rows, kept, await factsOf(rows, kept, remote));
    if (!isDryRun) await remove(going, remote);
    const removed = new Map<string, number>();
    for (const { kind } of going) removed.set(kind, (removed.get(kind) ?? 0) + 1);
    return {
      where: remote.name,
      isDryRun,
      removed: Object.fromEntries(removed),
      keptTags: rows.length - going.length,
    };
  });
}

async function factsOf(rows: readonly RemoteRow[], kept: ReadonlySet<Digest>, remote: Remote) {
  const gate = createGate(CONCURRENCY);
  const recorded = new Map<Digest, Set<Digest>>();
  const entries = new Map<Digest, Set<Digest>>();
  const look = rows.map((row) =>
    gate(async () => {
      const subject = row.kind === "record" ? subjectOf(row.tag) : undefined;
      if (subject !== undefined && kept.has(subject))
        recorded.set(subject, await blobsOfRecord(row.tag, remote));
      if (row.kind === "step" || row.kind === "packages") {
        const manifest = await remote.manifest(row.digest);
        // None of what is no manifest: such a thing is of no use either.
        const linked = manifest === undefined ? [] : linkedBy(manifest.bytes);
        entries.set(row.digest, new Set(linked.map(({ digest }) => digest)));
      }
    }),
  );
  await Promise.all(look);
  return { recorded, entries };
}

async function blobsOfRecord(tag: string, remote: Remote): Promise<Set<Digest>> {
  const index = await remote.manifest(tag);
  const row = index && recordRow(index.bytes);
  const manifest = row && (row.manifest ?? (await remote.manifest(row.digest))?.bytes);
  if (manifest === undefined) return new Set();
  const staged = stagesRecordFrom(manifest);
  const layers = staged
    ? [...staged.layers, ...staged.steps.flatMap(({ layer }) => layer ?? [])]
    : (recordFrom(manifest)?.images ?? []).flatMap((image) => image.layers);
  return new Set(layers.map(({ descriptor }) => descriptor.digest));
}

/** Entries first, then records, then images: whoever reads meanwhile finds what it leads to, or nothing. */
async function remove(going: readonly RemoteRow[], remote: Remote): Promise<void> {
  const rank = ({ kind }: RemoteRow) =>
    kind === "step" || kind === "packages" ? 0 : kind === "record" ? 1 : 2;
  const order = [...going].sort((a, b) => rank(a) - rank(b));
  for (const digest of new Set(order.map((row) => row.digest))) {
    try {
      await remote.deleteManifest(digest);
    } catch (error) {
      if (!(error instanceof CambiumError) || error.code !== "UNSUPPORTED") throw error;
      throw new CambiumError("CACHE_UNDELETABLE", `${remote.name}: the registry deletes nothing`, {
        hint: "Allow deletes in its settings, or let its own rules remove tags that begin with cambium-.",
        cause: error,
      });
    }
  }
}
