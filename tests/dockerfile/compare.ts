import { CambiumError } from "../../src/errors.ts";
import { type ReadDockerfile, readDockerfile } from "../../src/frontend/dockerfile/read-dockerfile.ts";
import { asOracle, sorted, withoutEmpty } from "./as-oracle.ts";
import type { Case } from "./cases.ts";
import { otherLine } from "./differences.ts";
import { type Answer, images, type OracleMount } from "./oracle.ts";

const amd64 = { os: "linux", architecture: "amd64" } as const;

/** What can be compared of a file that is read: ours and BuildKit's are of one shape. */
export type Compared = ReturnType<typeof asOracle> & { readonly warnings: readonly object[] };

export function ofOurs({ graph, warnings }: ReadDockerfile): Compared {
  return { ...asOracle(graph), warnings: linesOf(warnings) };
}

/** Reads a case on the images of the corpus. */
export function readCase({ text, buildArgs, target }: Case) {
  return readDockerfile(text, "Dockerfile", {
    buildArgs,
    ...(target !== undefined && { target }),
    platform: amd64,
    buildPlatform: amd64,
    contexts: new Map(),
    loadBase: async (reference) => {
      const image = images[reference];
      if (image === undefined) throw new CambiumError("MANIFEST_UNKNOWN", `no image ${reference}`);
      return { digest: `sha256:${"0".repeat(64)}`, ...image };
    },
  });
}

function linesOf(warnings: readonly { readonly code: string; readonly line: number }[]) {
  return sorted(warnings.map(({ code, line }) => (otherLine.includes(code) ? { code } : { code, line })));
}

export function ofBuildKit(answer: Answer): Compared {
  const { image, runs, copies, folders, inline, sources } = answer;
  const { ArgsEscaped: _, ...config } = image!.config as Record<string, unknown>;
  return {
    config: withoutEmpty(config),
    author: image!.author,
    history: (image!.history ?? []).map((entry) => ({
      text: entry.created_by,
      isEmpty: entry.empty_layer === true,
    })),
    runs: sorted(
      (runs ?? []).map((run) => ({
        ...run,
        mounts: sorted((run.mounts ?? []).map(plainMount)),
        secrets: run.secrets ?? [],
      })),
    ),
    // `/x/.` and `/x/` are one directory.
    copies: sorted((copies ?? []).map((copy) => ({ ...copy, target: copy.target.replace(/\/\.$/, "/") }))),
    folders: sorted(folders ?? []),
    inline: sorted(inline ?? []),
    warnings: linesOf(answer.warnings ?? []),
    remotes: sorted(Object.entries(sources ?? {}).filter(([name]) => /^(?:git|https?):\/\//.test(name))),
  };
}

/** BuildKit prepares a folder for a cache mount with an owner; and an agent without a name is the default one. */
function plainMount({ source, ...mount }: OracleMount): OracleMount {
  const isPrepared = mount.type === "CACHE" && source === "/cache";
  return {
    ...mount,
    ...(source !== undefined && !isPrepared && { source }),
    ...(mount.type === "SSH" && mount.id === undefined && { id: "default" }),
  };
}
