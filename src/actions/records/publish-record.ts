import { homeOf } from "../../cache/place.ts";
import type { Remote } from "../../cache/remote.ts";
import { uploadRecord } from "../../cache/write-record.ts";
import { messageOf } from "../../errors.ts";
import type { Descriptor, Digest } from "../../layer/digest.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type Built, keysOf, type RecordFor, recordOfBuild } from "./record-of-build.ts";

/**
 * As `writeRecord`, where the image is what matters: a place that refuses the record, as a registry may that takes images
 * only, is a warning.
 */
export async function publishRecord(
  built: Built,
  root: Descriptor,
  remote: Remote,
  place: RecordFor,
  bench: Workbench,
  isPushed: Promise<boolean>,
): Promise<void> {
  try {
    await writeRecord(built, root, remote, place, bench, isPushed);
  } catch (error) {
    bench.signal.throwIfAborted();
    const message = `the build record of ${remote.name} was not written: ${messageOf(error)}`;
    bench.emit({ type: "warning", code: "RECORD_UNWRITABLE", message });
  }
}

/**
 * Puts the build record beside an image that is being pushed, unless this store knows it to be there: its blobs go with
 * the image's, its manifest after the image's.
 * @throws CambiumError as `Remote`.
 */
export async function writeRecord(
  built: Built,
  root: Descriptor,
  remote: Remote,
  place: RecordFor,
  bench: Workbench,
  isPushed: Promise<boolean>,
): Promise<void> {
  const { store } = bench;
  const home = homeOf(remote.place);
  // A folder may have become another one since.
  const isKnowing = remote.place.kind === "registry";
  const name = `${home}@${root.digest}${place.isCache ? " cache" : ""}`;
  const keys = keysOf(built, bench);
  if (isKnowing && store.records.get("published", name) === keys) return;
  const made = recordOfBuild(built, root, place, bench);
  if (made === undefined) return;
  const known = new Set(isKnowing ? ((store.records.get("record-blobs", home) ?? []) as Digest[]) : []);
  const { artifact, blobs } = made;
  const publish = await uploadRecord(remote, root.digest, artifact, [...blobs.values()], known);
  if (!(await isPushed)) return;
  await publish();
  if (!isKnowing) return;
  store.records.put("record-blobs", home, [...blobs.keys()]);
  store.records.put("published", name, keys);
}
