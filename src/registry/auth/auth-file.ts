import { z } from "zod";
import { messageOf, usageError } from "../../errors.ts";
import type { RegistryCredentials } from "./credentials.ts";

const entrySchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
type Entry = z.infer<typeof entrySchema>;

const fileSchema = z.object({
  auths: z.record(z.string(), entrySchema.nullish()).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

/** Docker's `config.json` or Podman's `auth.json`, as far as it speaks of credentials. */
export type AuthFile = { readonly path: string } & z.infer<typeof fileSchema>;

/** The names under which tools keep the default registry's credentials. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  "docker.io": ["docker.io", "index.docker.io", "registry-1.docker.io"],
};
/** What docker calls the default registry when it speaks to a helper. */
const HELPER_NAMES: Readonly<Record<string, string>> = { "docker.io": "https://index.docker.io/v1/" };

/** @throws CambiumError `CREDENTIALS_UNREADABLE`, which does not repeat what is in the file. */
export function parseAuthFile(text: string, path: string): AuthFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // JSON.parse quotes the text around the mistake, which may be a password.
    throw unreadable(path, "it is not JSON");
  }
  const parsed = fileSchema.safeParse(json);
  if (parsed.success) return { path, ...parsed.data };
  const [issue] = parsed.error.issues;
  throw unreadable(
    path,
    `${issue?.path[0] === undefined ? "document" : String(issue.path[0])} has another form`,
  );
}

/**
 * The file's own credentials for a repository. The most specific name wins, as Podman has it:
 * `host/team/app` before `host/team` before `host`.
 * @throws CambiumError `CREDENTIALS_UNREADABLE` when the entry cannot be decoded.
 */
export function credentialsIn(
  file: AuthFile,
  registry: string,
  repository: string,
): RegistryCredentials | undefined {
  const byName = new Map<string, Entry>();
  for (const [key, entry] of Object.entries(file.auths ?? {})) {
    if (entry) byName.set(nameFromKey(key), entry);
  }
  for (const name of namesFor(registry, repository)) {
    const entry = byName.get(name);
    const credentials = entry === undefined ? undefined : fromEntry(entry, file.path, name);
    if (credentials !== undefined) return credentials;
  }
  return undefined;
}

/** The helper that the file names for a registry, what to ask it, and whether it was named for that registry alone. */
export function helperFor(
  file: AuthFile,
  registry: string,
): { readonly name: string; readonly serverUrl: string; readonly isSpecific: boolean } | undefined {
  const serverUrl = HELPER_NAMES[registry] ?? registry;
  const named = [registry, ...(ALIASES[registry] ?? []), serverUrl]
    .map((key) => file.credHelpers?.[key])
    .find((name) => name !== undefined && name !== "");
  if (named !== undefined) return { name: named, serverUrl, isSpecific: true };
  return file.credsStore ? { name: file.credsStore, serverUrl, isSpecific: false } : undefined;
}

function namesFor(registry: string, repository: string): string[] {
  const hosts = ALIASES[registry] ?? [registry];
  const parts = repository.split("/");
  const scoped = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  return [...scoped.flatMap((path) => hosts.map((host) => `${host}/${path}`)), ...hosts];
}

/** Docker once wrote `https://host/v1/`; Podman writes `host` or `host/path`. */
function nameFromKey(key: string): string {
  const withoutScheme = key.replace(/^https?:\/\//, "");
  if (withoutScheme !== key) return withoutScheme.replace(/\/.*$/s, "");
  return withoutScheme.replace(/\/(?:v[12])?\/?$/, "");
}

function fromEntry(entry: Entry, path: string, name: string): RegistryCredentials | undefined {
  const from = path;
  if (entry.registrytoken) return { kind: "registry-token", token: entry.registrytoken, from };
  if (entry.identitytoken) return { kind: "identity-token", token: entry.identitytoken, from };
  if (entry.auth) {
    const pair = Buffer.from(entry.auth, "base64").toString("utf8");
    const colon = pair.indexOf(":");
    if (colon === -1) throw unreadable(path, `the entry of ${name} is not base64 of user:password`);
    // Docker pads what it encrypts with zero bytes.
    const password = pair.slice(colon + 1).replace(/\0+$/, "");
    return { kind: "password", username: pair.slice(0, colon), password, from };
  }
  if (!entry.username && !entry.password) return undefined;
  return { kind: "password", username: entry.username ?? "", password: entry.password ?? "", from };
}

function unreadable(path: string, problem: string) {
  return usageError(
    "CREDENTIALS_UNREADABLE",
    `cannot use the credentials in ${path}: ${problem}`,
    "Correct the file, or log in again with docker login or podman login.",
  );
}

/** A file that is there but cannot be opened. */
export function unopenable(path: string, error: unknown) {
  return unreadable(path, messageOf(error));
}
