import { resolve } from "node:path";
import type { LoadedProject } from "../frontend/project/loaded-project.ts";
import { machinePlatform, type Platform } from "../platform.ts";
import type { ProjectSettings } from "./settings.ts";

/** A project with what the flags say on top. */
export type Project = {
  readonly loaded: LoadedProject;
  /** Never empty. */
  readonly platforms: readonly Platform[];
  readonly tags: readonly string[];
  readonly debianMirror?: string;
  /** Absolute path of `cambium.lock`, whether it is there or not. */
  readonly lockPath: string;
};

/** Reads the definition; nothing of the project runs but a `cambium.ts`. @throws CambiumError as `detectProject`. */
export async function loadProject(settings: ProjectSettings): Promise<Project> {
  const { detectProject } = await import("../frontend/project/detect.ts");
  const loaded = await detectProject(settings.contextDir, {
    extras: settings.extras,
    groups: settings.groups,
    ...(settings.bytecode !== undefined && { bytecode: settings.bytecode }),
    ...(settings.file !== undefined && { file: settings.file }),
    ...(settings.base !== undefined && { base: settings.base }),
    ...(settings.python !== undefined && { python: settings.python }),
  });
  for (const message of loaded.notices) settings.emit({ type: "notice", message });
  const mirror = settings.debianMirror ?? loaded.settings.debianMirror;
  return {
    loaded,
    platforms: platformsOf(settings, loaded),
    tags: loaded.settings.tags ?? [],
    lockPath: resolve(loaded.context.root, loaded.lockFile ?? "cambium.lock"),
    ...(mirror !== undefined && { debianMirror: mirror }),
  };
}

function platformsOf(settings: ProjectSettings, loaded: LoadedProject): readonly Platform[] {
  if (settings.platforms.length > 0) return settings.platforms;
  const said = loaded.settings.platforms;
  if (said !== undefined && said.length > 0) return said;
  return [machinePlatform()];
}
