import { findForm } from "../frontend/project/detect.ts";
import { assertFlagsFit, formOf } from "../frontend/project/flags.ts";
import { sourceName } from "./explain/traced-build.ts";
import { imagePlacesOf } from "./image-places.ts";
import { baseName, planPackages } from "./packages/plan-packages.ts";
import { projectSegments } from "./packages/project-segments.ts";
import { prepare } from "./prepare.ts";
import { loadProject } from "./project.ts";
import type { PlannedImage, PlanResult } from "./results.ts";
import { withSession } from "./session.ts";
import { NO_DOCKERFILE_SETTINGS, type PlanSettings } from "./settings.ts";

/**
 * What a build would do: which packages share which layer, what is there already, what would be fetched, and which steps
 * would run. Resolves if it has to, but fetches no package and runs nothing.
 */
export async function plan(settings: PlanSettings): Promise<PlanResult> {
  const found = findForm(settings.contextDir, settings.file);
  if (found.form === "dockerfile") assertFlagsFit(settings.flags ?? [], found.form);
  const source = sourceName(found, settings.file);
  const staged = { ...settings, dockerfile: settings.dockerfile ?? NO_DOCKERFILE_SETTINGS };
  const places = found.form === "dockerfile" ? {} : { imagePlaces: imagePlacesOf(settings) };
  return withSession({ ...settings, ...places }, async (session) => {
    const { bench } = session;
    if (found.form === "dockerfile") {
      const { planDockerfile } = await import("./stages/plan-dockerfile.ts");
      return planDockerfile(found.file, staged, bench);
    }
    const project = await loadProject(settings);
    assertFlagsFit(settings.flags ?? [], formOf(found.form, project.loaded));
    if (project.loaded.stages !== undefined) {
      const { planProjectStages } = await import("./stages/plan-stages.ts");
      return planProjectStages(project, staged, session, source);
    }
    const prepared = await prepare(settings, project, session);
    const { wholeCause } = await import("./explain/planned-causes.ts");
    const { definition, explanation } = prepared.project.loaded;
    const files = await projectSegments(prepared, settings, bench);
    const images: PlannedImage[] = [];
    for (const platform of prepared.project.platforms) {
      const python = await prepared.choose(platform);
      const { lock } = prepared.locked;
      const request = { definition, lock, platform, ...python, locateDebs: prepared.locateDebs };
      const { image } = await planPackages(request, files, bench);
      const cause = wholeCause(prepared, files, platform, { ...staged, tags: project.tags }, source, bench);
      images.push({ ...image, ...(cause !== undefined && { cause }) });
    }
    return { source: explanation, base: baseName(definition.base), images };
  });
}
