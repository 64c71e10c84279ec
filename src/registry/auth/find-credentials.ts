import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { environmentError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import { type AuthFile, credentialsIn, helperFor, parseAuthFile, unopenable } from "./auth-file.ts";
import { askHelper } from "./credential-helper.ts";
import type { CredentialLookup, RegistryCredentials } from "./credentials.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Where Docker and Podman keep credentials, what the environment names first:
 * `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` or `~/.docker`, the session's `containers/auth.json`, `~/.config`'s.
 */
export function authFilePaths(env: Env): string[] {
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, HOME } = env;
  const docker = DOCKER_CONFIG || (HOME && join(HOME, ".docker"));
  const config = XDG_CONFIG_HOME || (HOME && join(HOME, ".config"));
  return [
    REGISTRY_AUTH_FILE,
    docker && join(docker, "config.json"),
    XDG_RUNTIME_DIR && join(XDG_RUNTIME_DIR, "containers", "auth.json"),
    config && join(config, "containers", "auth.json"),
  ].filter((path): path is string => Boolean(path));
}

/**
 * Looks credentials up in the user's files, each once; the first file that has some for the repository wins.
 * @throws (the lookup) CambiumError `CREDENTIALS_UNREADABLE`, `CREDENTIAL_HELPER_FAILED`.
 */
export function createCredentialLookup(env: Env, emit: Emit, signal?: AbortSignal): CredentialLookup {
  const files = new Map<string, Promise<AuthFile | undefined>>();
  const found = new Map<string, Promise<RegistryCredentials | undefined>>();
  const helpers = new Map<string, Promise<RegistryCredentials | undefined>>();

  async function find(registry: string, repository: string): Promise<RegistryCredentials | undefined> {
    for (const path of authFilePaths(env)) {
      const file = await remembered(files, path, () => readAuthFile(path));
      if (file === undefined) continue;
      const fromHelper = await remembered(helpers, `${path} ${registry}`, () => viaHelper(file, registry));
      const credentials = fromHelper ?? credentialsIn(file, registry, repository);
      if (credentials !== undefined) return credentials;
    }
    return undefined;
  }

  async function viaHelper(file: AuthFile, registry: string): Promise<RegistryCredentials | undefined> {
    const helper = helperFor(file, registry);
    if (helper === undefined) return undefined;
    const { name, serverUrl, isSpecific } = helper;
    const answer = await askHelper({ name, serverUrl, env, signal });
    if (answer === "unknown") return undefined;
    if (answer !== "missing") return answer;
    const message = `${file.path} wants docker-credential-${name}, which is not on PATH`;
    const hint = "Install it, or take its line out of the file and log in again.";
    if (isSpecific) throw environmentError("CREDENTIAL_HELPER_FAILED", message, hint);
    // A store for all registries is often left behind by Docker Desktop; most images need no login.
    emit({ type: "warning", code: "CREDENTIAL_HELPER_MISSING", message, hint });
    return undefined;
  }

  return (registry, repository) =>
    remembered(found, `${registry}/${repository}`, () => find(registry, repository));
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unopenable(path, error);
  }
  // `podman logout` can leave an empty file.
  return text.trim() === "" ? undefined : parseAuthFile(text, path);
}

function remembered<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
