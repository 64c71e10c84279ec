import type { LockedDeb } from "../ecosystems/debian/lock.ts";
import type { ShippedDeb } from "../ecosystems/debian/shipped.ts";
import { CambiumError } from "../errors.ts";
import { downloadBlob } from "../fetch/download.ts";
import type { Locate, WantedSegment } from "./segments.ts";
import { knownShipped, rememberShipped } from "./shipped-records.ts";
import type { Workbench } from "./workbench.ts";

/**
 * What dpkg would note of each package, by name: known since it was transcoded, or read from the .deb now, which is
 * fetched again if it is gone.
 * @throws CambiumError as a download, and as the reader of a .deb; `SEGMENT_LOST`.
 */
export async function shippedDebs(
  debs: readonly { readonly deb: LockedDeb; readonly want: WantedSegment }[],
  bench: Workbench,
  locate: Locate,
): Promise<Map<string, ShippedDeb>> {
  const { store, lease, client, pool, signal } = bench;
  const missing = debs.filter(({ deb }) => knownShipped(store.records, deb.sha256) === undefined);
  lease.protect(missing.map(({ deb }) => deb.sha256));
  const absent = missing.filter(({ deb }) => !store.blobs.has(deb.sha256)).map(({ want }) => want);
  const urls = absent.length === 0 ? undefined : await locate(absent, 0);
  await Promise.all(
    missing.map(async ({ deb, want }) => {
      await downloadBlob(store, client, { ...want.archive, urls: urls?.get(want.id) ?? [] }, signal);
      const { shipped } = await pool.run({ kind: "deb-shipped", deb }, deb.sizeBytes);
      if (shipped !== undefined) rememberShipped(store.records, deb.sha256, shipped);
    }),
  );
  return new Map(
    debs.map(({ deb: { name, version, sha256 } }) => {
      const shipped = knownShipped(store.records, sha256);
      if (shipped === undefined)
        throw new CambiumError("SEGMENT_LOST", `${name} ${version}: read, but not kept`);
      return [name, shipped];
    }),
  );
}
