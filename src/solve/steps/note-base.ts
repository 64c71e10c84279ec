import { canonicalJson } from "../../canonical-json.ts";
import type { KeyDocument } from "../../explain/documents.ts";
import type { Stage } from "../../graph/stages.ts";
import { digestOf } from "../../layer/digest.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import type { Workbench } from "../workbench.ts";
import { contentsOf, type StageLayers } from "./stage-layers.ts";
import { madeSince } from "./step-memory.ts";

/**
 * Notes what a stage stands on, unless that is a stage, or packages, which are noted where they are composed.
 * @param upper of a difference
 */
export function noteBase(
  stage: Stage,
  at: StageLayers,
  upper: StageLayers | undefined,
  startedMs: number,
  mtimeSec: number,
  { trace, isForgetful }: Workbench,
): void {
  if (trace === undefined || stage.base.kind === "stage" || stage.base.kind === "scratch") return;
  trace.came(stage, contentsOf(at));
  const document = documentOf(stage.base, at, upper, mtimeSec);
  if (document === undefined) return;
  const isKnown = at.steps.every((step) => step.record === undefined || step.isReused);
  trace.note(stage, {
    ...{ outcome: isKnown ? "hit" : "miss", key: digestOf(canonicalJson(document)), document },
    ...(!isKnown && { tookMs: madeSince(startedMs).tookMs }),
    ...(!isKnown && isForgetful && { cause: "no-cache" }),
  });
}

function documentOf(
  base: Stage["base"],
  at: StageLayers,
  upper: StageLayers | undefined,
  mtimeSec: number,
): KeyDocument | undefined {
  switch (base.kind) {
    case "image":
      return { op: "base", reference: base.reference, digest: base.digest };
    case "context":
      return { op: "base", reference: `the build context ${base.name}`, digest: contentsOf(at).join(" ") };
    case "diff": {
      const of = (layers: StageLayers | undefined) => (layers === undefined ? [] : contentsOf(layers));
      const contents = { lower: of(at.over), upper: of(upper) };
      return { op: "diff", layoutVersions: LAYOUT_VERSIONS, mtimeSec, ...contents };
    }
    case "packages":
    case "stage":
    case "scratch":
      return undefined;
  }
}
