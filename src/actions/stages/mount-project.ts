import { realpathSync } from "node:fs";
import { gitPlace } from "../../context/git-remote.ts";
import { formatReference, parseReference } from "../../image/reference.ts";
import type { BuildSettings, DockerfileSettings } from "../settings.ts";

/** BuildKit's own build argument for the same purpose. */
const NAMESPACE_ARG = "BUILDKIT_CACHE_MOUNT_NS";

/**
 * Whose cache mounts a build uses, as text that a fresh machine with the project somewhere else comes to as well: what
 * the user says; the git remote, with the context's place in it; the repository of the first tag. Only a folder without
 * any of these is its path.
 * @throws CambiumError `REFERENCE_SYNTAX`.
 */
export function mountProject({
  dockerfile,
  contextDir,
  tags,
}: Pick<BuildSettings, "contextDir" | "tags"> & {
  readonly dockerfile: Pick<DockerfileSettings, "project" | "buildArgs">;
}): string {
  const named = dockerfile.project ?? dockerfile.buildArgs.get(NAMESPACE_ARG);
  if (named !== undefined && named !== "") return named;
  const place = gitPlace(contextDir);
  if (place !== undefined) return `git ${place.remote}${place.path === "" ? "" : ` ${place.path}`}`;
  const [tag] = tags;
  if (tag !== undefined) {
    const { registry, repository } = parseReference(tag, "--tag");
    return `image ${formatReference({ registry, repository })}`;
  }
  return `folder ${realPath(contextDir)}`;
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
