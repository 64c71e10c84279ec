import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** What the scripts download or build; never committed. */
export const toolCache = join(root, ".cache", "tools");

/** Where the tools of `toolCache` are linked, so that one folder on PATH serves them all. */
export const toolBin = join(toolCache, "bin");

/** PATH for child processes: the repository's own Node and linters, its tools, then the caller's. */
export function toolPath(path: string | undefined): string {
  return [join(root, "node_modules", ".bin"), toolBin, path ?? "/usr/bin:/bin"].join(":");
}
