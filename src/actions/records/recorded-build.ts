import type { BuildRecord } from "../../cache/build-record.ts";
import { type FoundRecord, readRecord } from "../../cache/registry-record.ts";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import { CambiumError } from "../../errors.ts";
import { formatReference, type Reference } from "../../image/reference.ts";
import type { Digest } from "../../layer/digest.ts";
import type { Workbench } from "../../solve/workbench.ts";
import {
  adoptImage,
  adopting,
  adoptParts,
  firstRecord,
  type RecordParts,
  readRecordedLock,
} from "./adopt-record.ts";

/** What an earlier build, perhaps on another machine, left in a registry. Read when first asked for, and once. */
export type RecordedBuild = {
  lock(): Promise<CambiumLock | undefined>;
  /** Takes over the image of this key, if the record has it: its documents, not its layers. */
  adoptImage(key: Digest): Promise<void>;
  /** Takes over what is known of layers, packages and base, so that only what changed needs bytes. */
  adoptListings(): Promise<void>;
};

/** What an earlier build left beside one image, for who must have it. */
export type OpenedRecord = RecordedBuild & { readonly record: BuildRecord };

/** @throws CambiumError `RECORD_UNKNOWN` where there is none that can be used here. */
export async function openRecord(reference: Reference, bench: Workbench): Promise<OpenedRecord> {
  const found = await firstRecord([reference], readRecord, bench);
  if (found === undefined) {
    throw new CambiumError(
      "RECORD_UNKNOWN",
      `${formatReference(reference)}: no build record of this version of Cambium`,
      {
        hint: "It comes with cambium build --push; images that others built have none.",
      },
    );
  }
  return { ...recordedBuild([reference], bench, found), record: found.record };
}

/** Of the first of these images that has a usable record. */
export function recordedBuild(
  references: readonly Reference[],
  bench: Workbench,
  known?: FoundRecord,
): RecordedBuild {
  let found: Promise<FoundRecord | undefined> | undefined = known && Promise.resolve(known);
  let listings: Promise<void> | undefined;
  const find = () => (found ??= firstRecord(references, readRecord, bench));
  return {
    lock: async () => {
      const it = await find();
      return it && readRecordedLock(it.record.lock, it.repository, bench);
    },
    adoptImage: async (key) => {
      const it = await find();
      const image = it?.record.images.find((one) => one.key === key);
      if (it === undefined || image === undefined) return;
      const adopted = await adopting(it.repository, bench, () =>
        adoptImage(image.digest, it.repository, bench),
      );
      if (adopted !== undefined) bench.store.records.put("image", image.key, image.result);
    },
    adoptListings: () =>
      (listings ??= find().then(async (it) => {
        if (it === undefined) return;
        const { record, repository } = it;
        await adopting(repository, bench, () => adoptParts(partsOf(record), repository, bench));
      })),
  };
}

function partsOf({ images, bases }: BuildRecord): RecordParts {
  return {
    layers: images.flatMap(({ layers }) => layers),
    generated: images.flatMap(({ generated }) => generated),
    ...{ bases, listings: [], absent: new Set() },
  };
}
