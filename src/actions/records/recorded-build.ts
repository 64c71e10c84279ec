import type { BuildRecord } from "../../cache/build-record.ts";
import { openRemote } from "../../cache/open-remote.ts";
import type { Found, FoundRecord } from "../../cache/read-record.ts";
import { readRecord } from "../../cache/read-record.ts";
import type { Sources } from "../../cache/sources.ts";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import { CambiumError } from "../../errors.ts";
import { formatReference, type Reference } from "../../image/reference.ts";
import type { Digest } from "../../layer/digest.ts";
import type { Workbench } from "../../solve/workbench.ts";
import {
  adoptImage,
  adopting,
  adoptParts,
  type RecordParts,
  readRecordedLock,
  usableRecords,
} from "./adopt-record.ts";
import { foundRecords } from "./found-records.ts";

/** What earlier builds, perhaps on other machines, left elsewhere. Read when first asked for, and once. */
export type RecordedBuild = {
  lock(): Promise<CambiumLock | undefined>;
  /** Takes over the image of this key, if a record has it: its documents, not its layers. */
  adoptImage(key: Digest): Promise<void>;
  /** Takes over what is known of layers, packages and base, so that only what changed needs bytes. */
  adoptListings(): Promise<void>;
};

/** What an earlier build left beside one image, for who must have it. */
export type OpenedRecord = RecordedBuild & { readonly record: BuildRecord };

/** @throws CambiumError `RECORD_UNKNOWN` where there is none that can be used here; as `Remote`. */
export async function openRecord(reference: Reference, bench: Workbench): Promise<OpenedRecord> {
  const remote = openRemote({ kind: "registry", reference }, bench.registries);
  const head = reference.digest ?? reference.tag ?? "latest";
  const record = await readRecord(remote, head, bench.emit);
  const [found] = usableRecords(record === undefined ? [] : [record], bench);
  if (found === undefined) {
    throw new CambiumError(
      "RECORD_UNKNOWN",
      `${formatReference(reference)}: no build record of this version of Cambium`,
      {
        hint: "It comes with cambium build --push; images that others built have none.",
      },
    );
  }
  return { ...recordsAsBuild(async () => [found], bench), record: found.record };
}

/** @param build as `Remote.heads` */
export function recordedBuild(sources: Sources, build: string, bench: Workbench): RecordedBuild {
  let found: Promise<FoundRecord[]> | undefined;
  return recordsAsBuild(() => (found ??= foundRecords(sources, build, readRecord, bench)), bench);
}

function recordsAsBuild(find: () => Promise<Found<BuildRecord>[]>, bench: Workbench): RecordedBuild {
  let listings: Promise<void> | undefined;
  const adoptAll = async () => {
    for (const { record, remote } of await find()) {
      await adopting(remote, bench, () => adoptParts(partsOf(record), remote, bench));
    }
  };
  return {
    lock: async () => {
      for (const { record, remote } of await find()) {
        const lock = readRecordedLock(record.lock, remote, bench);
        if (lock !== undefined) return lock;
      }
      return undefined;
    },
    adoptImage: async (key) => {
      for (const { record, remote } of await find()) {
        const image = record.images.find((one) => one.key === key);
        if (image === undefined) continue;
        const absent = new Set(record.absent);
        const adopted = await adopting(remote, bench, () => adoptImage(image.digest, absent, remote, bench));
        if (adopted === undefined) continue;
        bench.store.records.put("image", image.key, image.result);
        return;
      }
    },
    adoptListings: () => (listings ??= adoptAll()),
  };
}

function partsOf({ images, bases, absent }: BuildRecord): RecordParts {
  return {
    layers: images.flatMap(({ layers }) => layers),
    generated: images.flatMap(({ generated }) => generated),
    ...{ bases, listings: [], absent: new Set(absent) },
  };
}
