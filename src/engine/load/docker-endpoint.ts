import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Env } from "./engine.ts";

const DEFAULT_ENDPOINT = "unix:///var/run/docker.sock";

/**
 * Where the docker program would look for its daemon: `DOCKER_HOST`, else the context of `DOCKER_CONTEXT` or of
 * `config.json`, else the default socket. A context that cannot be read leaves it to the default, whose answer tells.
 * @see docker's command line reference, "Environment variables" and "docker context"
 */
export function dockerEndpoint(env: Env): string {
  if (env.DOCKER_HOST) return env.DOCKER_HOST;
  const folder = env.DOCKER_CONFIG || (env.HOME && join(env.HOME, ".docker"));
  if (!folder) return DEFAULT_ENDPOINT;
  const context = env.DOCKER_CONTEXT || text(readJson(join(folder, "config.json")), "currentContext");
  if (!context || context === "default") return DEFAULT_ENDPOINT;
  // The folder of a context is named by the hash of its name.
  const id = createHash("sha256").update(context).digest("hex");
  const meta = readJson(join(folder, "contexts", "meta", id, "meta.json"));
  return text(meta, "Endpoints", "docker", "Host") ?? DEFAULT_ENDPOINT;
}

/** The path of a `unix://` endpoint; undefined for any other kind. */
export function socketPathOf(endpoint: string): string | undefined {
  return endpoint.startsWith("unix:///") ? endpoint.slice("unix://".length) : undefined;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // Most machines have no such file, and a damaged one is docker's to complain about.
    return undefined;
  }
}

function text(document: unknown, ...path: readonly string[]): string | undefined {
  let at = document;
  for (const key of path) at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  return typeof at === "string" ? at : undefined;
}
