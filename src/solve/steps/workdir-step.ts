import { TargetTree } from "../../context/target-tree.ts";
import { CambiumError } from "../../errors.ts";
import { type StepPlace, type WorkdirStep, whereOf } from "../../graph/stages.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import type { Segment } from "../../layer/segment.ts";
import { filesSegment } from "../files.ts";
import { type AccountFiles, chownOwner } from "./copy-owner.ts";
import type { CopyBench } from "./copy-step.ts";

/**
 * The directories that WORKDIR makes where nothing is, the stage's user their owner; undefined when it is there.
 * @throws CambiumError `WORKDIR_INVALID` where something else is in the way, `OWNER_UNKNOWN`.
 */
export async function workdirStep(
  step: WorkdirStep & StepPlace,
  input: {
    readonly below: ImageTree | undefined;
    readonly accounts: AccountFiles;
    readonly mtimeSec: number;
  },
  bench: CopyBench,
): Promise<Segment | undefined> {
  const target = new TargetTree(input.below);
  const owner = chownOwner(step.user, input.accounts, whereOf(step));
  const real = target.resolve(step.path);
  const parts = real === "" ? [] : real.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const path = parts.slice(0, depth).join("/");
    const found = target.entry(path);
    if (found?.type === "directory") continue;
    if (found !== undefined) {
      throw new CambiumError("WORKDIR_INVALID", `${whereOf(step)}: /${path} is there, and no directory`, {
        hint: "Choose another WORKDIR, or remove the file before.",
      });
    }
    target.put({ type: "directory", path, mode: 0o755, ...owner });
  }
  const entries = target.entries();
  if (entries.length === 0) return undefined;
  const label = { name: step.text, key: String(step.line).padStart(6, "0"), mtimeSec: input.mtimeSec };
  return filesSegment(label, entries, bench);
}
