import { homeOf } from "../../cache/place.ts";
import type { Remote } from "../../cache/remote.ts";
import { keepRecord, uploadRecord } from "../../cache/write-record.ts";
import { messageOf } from "../../errors.ts";
import type { Descriptor, Digest } from "../../layer/digest.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type Built, keysOf, type RecordFor, recordOfBuild } from "./record-of-build.ts";

/** What a record was made of, and its manifest. */
type Published = { readonly keys: string; readonly record: Digest };

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
  const isKnowing = remote.place.kind === "registry";
  const name = `${home}@${root.digest}${place.isCache ? " cache" : ""}`;
  const keys = keysOf(built, bench);
  const before = store.records.get("published", name) as Published | undefined;
  // A folder may have become another one since.
  if (before?.keys === keys && (isKnowing || (await keepRecord(remote, root.digest, before.record)))) return;
  const made = recordOfBuild(built, root, place, bench);
  if (made === undefined) return;
  const known = new Set(isKnowing ? ((store.records.get("record-blobs", home) ?? []) as Digest[]) : []);
  const { artifact, blobs } = made;
  const publish = await uploadRecord(remote, root.digest, artifact, [...blobs.values()], known);
  if (!(await isPushed)) return;
  await publish();
  if (isKnowing) store.records.put("record-blobs", home, [...blobs.keys()]);
  const published: Published = { keys, record: artifact.manifest.descriptor.digest };
  store.records.put("published", name, published);
}
