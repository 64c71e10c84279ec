import { lstatSync } from "node:fs";
import { join } from "node:path";
import { environmentError } from "../../errors.ts";
import { findProgram } from "../embedded/runtime.ts";
import { dockerEndpoint, socketPathOf } from "./docker-endpoint.ts";
import { type Engine, type EngineKind, type Env, engineKinds } from "./engine.ts";
import { engineApi } from "./engine-api.ts";
import { engineProgram } from "./engine-program.ts";

const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

/**
 * The engine to load into: of the kind that is wanted, else the first of `engineKinds` that answers.
 * @throws CambiumError `LOAD_NO_ENGINE`, with what was looked for and why it was not it.
 */
export async function findEngine(
  wanted: EngineKind | undefined,
  env: Env,
  signal: AbortSignal,
): Promise<Engine> {
  const tried: string[] = [];
  for (const kind of wanted === undefined ? engineKinds : [wanted]) {
    const { engines, missing } = waysTo[kind](env);
    for (const engine of engines) {
      const problem = await engine.problem(signal);
      if (problem === undefined) return engine;
      tried.push(`${kind}: ${engine.where}: ${problem}`);
    }
    tried.push(...missing.map((what) => `${kind}: ${what}`));
  }
  throw environmentError(
    "LOAD_NO_ENGINE",
    `--load: no container engine answers (${tried.join("; ")})`,
    "Start Docker, Podman or containerd, or write a file with -o type=docker,dest=FILE.",
  );
}

/** `missing`: what would have been another way, had it been there. */
type Ways = { readonly engines: readonly Engine[]; readonly missing: readonly string[] };

/** In the order to try. */
const waysTo: Readonly<Record<EngineKind, (env: Env) => Ways>> = {
  docker(env) {
    const socket = socketPathOf(dockerEndpoint(env));
    if (socket !== undefined) return { engines: [engineApi("docker", socket)], missing: [] };
    // Over TLS or SSH: the program has the keys.
    return program("docker", "docker", { probe: ["version"], load: ["load", "--quiet"] }, env);
  },
  podman(env) {
    const named = env.CONTAINER_HOST === undefined ? undefined : socketPathOf(env.CONTAINER_HOST);
    const user = env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, "podman", "podman.sock");
    const sockets = named !== undefined ? [named] : [...(user ? [user] : []), "/run/podman/podman.sock"];
    const present = sockets.filter(isThere);
    // The program is the whole engine, unless CONTAINER_HOST makes it a client of one that must be there.
    const args = { probe: ["info"], load: ["load", "--quiet"] };
    const { engines, missing } = program("podman", "podman", args, env);
    return {
      engines: [...present.map((socket) => engineApi("podman", socket)), ...engines],
      missing: [...sockets.filter((it) => !isThere(it)).map((it) => `${it}: no such socket`), ...missing],
    };
  },
  containerd(env) {
    const socket = env.CONTAINERD_ADDRESS || CONTAINERD_SOCKET;
    const namespace = env.CONTAINERD_NAMESPACE || "default";
    const at = ["--address", socket, "--namespace", namespace];
    // Without that socket it may run for a user alone, in namespaces that nerdctl finds.
    return isThere(socket)
      ? program(
          "containerd",
          "ctr",
          { probe: [...at, "version"], load: [...at, "images", "import", "-"] },
          env,
        )
      : withMissing(
          program("containerd", "nerdctl", { probe: ["info"], load: ["load", "--quiet"] }, env),
          `${socket}: no such socket`,
        );
  },
};

function program(
  kind: EngineKind,
  name: string,
  args: { readonly probe: readonly string[]; readonly load: readonly string[] },
  env: Env,
): Ways {
  const file = findProgram(name, env.PATH ?? "");
  return file === undefined
    ? { engines: [], missing: [`no ${name} on PATH`] }
    : { engines: [engineProgram({ kind, file, ...args }, env)], missing: [] };
}

function withMissing({ engines, missing }: Ways, what: string): Ways {
  return { engines, missing: [what, ...missing] };
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
