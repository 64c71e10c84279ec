import { usageError } from "../../errors.ts";
import { SHARED_PREFIX } from "../../solve/steps/cache-mounts.ts";
import type { MountOwner, Mounts, StoredMount } from "../../store/mounts.ts";
import type { MountSnapshotSettings } from "../settings.ts";
import { mountProject } from "../stages/mount-project.ts";

type Named = Pick<MountSnapshotSettings, "id" | "project" | "contextDir">;

/** Whose mount an id means here; undefined for one of all projects. */
export function projectOf({ id, project, contextDir }: Named): string | undefined {
  if (id.startsWith(SHARED_PREFIX)) return undefined;
  return mountProject({
    contextDir,
    tags: [],
    dockerfile: { buildArgs: new Map(), ...(project !== undefined && { project }) },
  });
}

/** Mounts of this id in the project, the pool of a private one by its first folder; or the one of this name. */
export function mountsNamed(mounts: Mounts, named: Named): StoredMount[] {
  const project = projectOf(named);
  return mounts.list().filter(({ name, id, project: its }) => {
    if (id === undefined || name.includes("-")) return false;
    return name === named.id || (id === named.id && its === project);
  });
}

/** @throws CambiumError `MOUNT_UNKNOWN`, `MOUNT_AMBIGUOUS`. */
export function theMount(mounts: Mounts, named: Named): StoredMount {
  const found = mountsNamed(mounts, named);
  const [first] = found;
  if (first === undefined) {
    const project = projectOf(named);
    const whose = project === undefined ? "" : ` of the project ${project}`;
    throw usageError(
      "MOUNT_UNKNOWN",
      `no cache mount ${JSON.stringify(named.id)}${whose} is here`,
      "`cambium mount ls` lists all; name its project with --project.",
    );
  }
  if (found.length > 1) {
    const names = found.map(({ name, owner }) => `${name} (${ownerText(owner)})`);
    throw usageError(
      "MOUNT_AMBIGUOUS",
      `several cache mounts are called ${JSON.stringify(named.id)}`,
      `They differ in the owner of their root; name one: ${names.join(", ")}.`,
    );
  }
  return first;
}

function ownerText(owner: MountOwner | undefined): string {
  return owner === undefined ? "?" : `${owner.uid}:${owner.gid} ${owner.mode.toString(8).padStart(4, "0")}`;
}
