import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import type { BuildFacts, BuildTrace } from "../../explain/build-trace.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import type { FoundForm } from "../../frontend/project/detect.ts";
import type { StagesSettings } from "../settings.ts";
import { mountProject } from "../stages/mount-project.ts";

/** `Dockerfile`, `cambium.yaml`, `project`. */
export function sourceName(found: FoundForm, file: string | undefined): string {
  return basename("file" in found ? found.file : (file ?? "project"));
}

/** What a build, or a plan of one, is logged by. */
export type LoggedSettings = Pick<StagesSettings, "contextDir" | "noCache" | "dockerfile" | "tags">;

/** @param startedMs since the epoch */
export function buildFacts(settings: LoggedSettings, source: string, startedMs: number): BuildFacts {
  const { contextDir, noCache, dockerfile, tags = [] } = settings;
  const { target } = dockerfile;
  return {
    id: idAt(startedMs),
    project: mountProject({ contextDir, dockerfile, tags }),
    folder: contextDir,
    source,
    ...(target !== undefined && { target }),
    ...(noCache !== false && { noCache }),
    startedMs,
  };
}

/** What the trace has so far, as a build that ended now; undefined where that is nothing. */
export function tracedBuild(trace: BuildTrace | undefined): LoggedBuild | undefined {
  const images = trace?.images() ?? [];
  if (trace?.about === undefined || images.length === 0) return undefined;
  const facts = trace.about();
  return { version: 1, ...facts, tookMs: Date.now() - facts.startedMs, outcome: "stopped", images };
}

/** `20261122T041433.123-1f3a`: the time in UTC, and what keeps two builds of one millisecond apart. */
function idAt(ms: number): string {
  const time = new Date(ms).toISOString().replace(/[-:Z]/g, "");
  return `${time}-${randomBytes(2).toString("hex")}`;
}
