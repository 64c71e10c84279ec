import type { Stage, Step } from "../../graph/stages.ts";
import type { Segment } from "../../layer/segment.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { createdAt } from "../created-at.ts";
import { imageKey } from "../packages/image-key.ts";
import { packagesDocument } from "../packages/packages-document.ts";
import { installedLock, type Prepared } from "../prepare.ts";
import type { StagesSettings } from "../settings.ts";
import type { CausesOf } from "../stages/planned-stages.ts";
import { stepCauses } from "./explain.ts";
import { buildFacts, type LoggedSettings, tracedBuild } from "./traced-build.ts";

/** Causes of what a plan does not find known, in the words of `explain`. */
export function plannedCauses(settings: LoggedSettings, source: string): CausesOf {
  return (bench) => {
    const { trace } = bench;
    if (trace === undefined) return undefined;
    trace.about = () => buildFacts(settings, source, Date.now());
    const build = tracedBuild(trace);
    if (build === undefined) return undefined;
    const causes = stepCauses(build, bench);
    const image = build.images.at(-1)!;
    const places = new Map(
      image.stages.flatMap((stage) => stage.steps.map((step) => [step, { image, stage, step }] as const)),
    );
    return (subject: Step | Stage) => {
      const step = trace.logged(subject);
      const place = step && places.get(step);
      return place && causes(place)?.text;
    };
  };
}

/** Why an image of packages and files is not known as a whole; undefined where it is. */
export function wholeCause(
  prepared: Prepared,
  files: readonly Segment[],
  platform: Platform,
  settings: StagesSettings,
  source: string,
  bench: Workbench,
): string | undefined {
  const { definition } = prepared.project.loaded;
  const created = createdAt(settings.sourceDateEpoch);
  const lock = installedLock(prepared);
  const image = { definition, lock, platform, created, files: files.map(({ id }) => id) };
  const key = imageKey(image);
  if (!bench.isForgetful && bench.store.records.has("image", key)) return undefined;
  const cause = bench.isForgetful ? ({ cause: "no-cache" } as const) : {};
  const document = () => packagesDocument(image);
  const { trace } = bench;
  if (trace === undefined) return undefined;
  trace.packages(formatPlatform(platform), { outcome: "miss", key, document, ...cause }, []);
  trace.about = () => buildFacts(settings, source, Date.now());
  const build = tracedBuild(trace);
  const found = build?.images.find((one) => one.platform === formatPlatform(platform));
  const [stage] = found?.stages ?? [];
  const [step] = stage?.steps ?? [];
  if (build === undefined || found === undefined || stage === undefined || step === undefined)
    return undefined;
  return stepCauses(build, bench)({ image: found, stage, step })?.text;
}
