import type { RunStep } from "../../graph/stages.ts";
import type { MountSharing } from "../../store/mounts.ts";

/** A tool whose cache several processes may write at once, also from containers that share nothing else. */
type SafeCache = {
  readonly tool: string;
  /** Ends of paths; what is below them counts too. */
  readonly folders: readonly string[];
  /** Variables by which the tool is told another folder. */
  readonly variables: readonly string[];
  /** What of them is not safe when it is mounted alone. */
  readonly except?: readonly string[];
};

/**
 * Each keeps its content by digest and publishes it by rename, or keeps its lock files in the cache itself. Tools whose
 * locks are elsewhere are not here: cargo's is in its home, beside `registry` and `git`; NuGet's in /tmp. Nor are those
 * that take a process id for a lock (dnf), answer one another over sockets (gradle), or have none (maven, yarn 1).
 */
export const SAFE_CACHES: readonly SafeCache[] = [
  { tool: "pip", folders: [".cache/pip"], variables: ["PIP_CACHE_DIR"] },
  { tool: "uv", folders: [".cache/uv"], variables: ["UV_CACHE_DIR"] },
  { tool: "npm", folders: [".npm"], variables: ["npm_config_cache", "NPM_CONFIG_CACHE"] },
  { tool: "pnpm", folders: ["pnpm/store", ".pnpm-store"], variables: ["npm_config_store_dir"] },
  { tool: "go modules", folders: ["go/pkg/mod"], variables: ["GOMODCACHE"] },
  { tool: "go build", folders: [".cache/go-build"], variables: ["GOCACHE"] },
  {
    tool: "cargo",
    folders: [".cargo", "/usr/local/cargo"],
    variables: ["CARGO_HOME"],
    except: ["registry", "git"],
  },
  { tool: "ccache", folders: [".ccache", ".cache/ccache"], variables: ["CCACHE_DIR"] },
];

/** What depends on one project's files: shared by several, each would undo what the other did. */
const PROJECT_FOLDERS: readonly string[] = [
  ...["node_modules", "target", "build", "dist", ".venv", "venv", ".next", ".gradle/build-cache", "obj"],
];

/**
 * How a cache mount is shared where the Dockerfile says nothing: `shared` for what is known to bear it, `locked` for all
 * else. apt fails when it finds its lock held; of a tool that nobody knows, one at a time cannot spoil anything. Pure.
 */
export function defaultSharing(target: string, env: RunStep["env"]): MountSharing {
  const isSafe = SAFE_CACHES.some(({ folders, variables, except = [] }) => {
    const named = env.filter(([name]) => variables.includes(name)).map(([, value]) => value);
    const rests = [...folders, ...named].flatMap((folder) => below(target, folder) ?? []);
    return rests.length > 0 && !rests.some((rest) => except.includes(rest.split("/")[0]!));
  });
  return isSafe ? "shared" : "locked";
}

/** Whether what is there belongs to one project alone. */
export function isProjectFolder(target: string): boolean {
  return PROJECT_FOLDERS.some((folder) => `${target}/`.endsWith(`/${folder}/`));
}

/** The part of `path` below `folder`, a whole path or the end of one; undefined when it is not there. */
function below(path: string, folder: string): string | undefined {
  const inner = folder.startsWith("/") ? `${folder}/` : `/${folder}/`;
  const at = folder.startsWith("/") ? (`${path}/`.startsWith(inner) ? 0 : -1) : `${path}/`.lastIndexOf(inner);
  return at === -1 ? undefined : `${path}/`.slice(at + inner.length).replace(/\/$/, "");
}
