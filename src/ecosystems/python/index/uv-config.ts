import { stringify } from "smol-toml";
import { withCredentials } from "./credentials.ts";
import type { IndexSettings, PackageIndex } from "./index-settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The `uv.toml` that stands in for everything uv would find by itself. Holds URLs without credentials, since it is a
 * file for the time of one run.
 */
export function uvConfig(settings: IndexSettings): string {
  const packages = (table: Readonly<Record<string, string>>) =>
    Object.keys(table).length === 0 ? undefined : table;
  const links = settings.indexes.filter(({ kind }) => kind === "links");
  return stringify(
    withoutUndefined({
      "no-index": settings.noIndex ? true : undefined,
      "index-strategy": settings.strategy,
      prerelease: settings.prerelease,
      resolution: settings.resolution,
      "exclude-newer": settings.excludeNewer,
      "exclude-newer-package": packages(settings.excludeNewerPackages),
      "keyring-provider": settings.keyring,
      "prerelease-package": packages(settings.prereleasePackages),
      "no-binary-package": settings.noBinary.length === 0 ? undefined : settings.noBinary,
      "allow-insecure-host": settings.insecureHosts.length === 0 ? undefined : settings.insecureHosts,
      "find-links": links.length === 0 || hasSecretLinks(settings) ? undefined : links.map(({ url }) => url),
      index: settings.indexes.filter(({ kind }) => kind !== "links").map(indexTable),
    }),
  );
}

/** Links are given through the environment when one of them needs credentials, since uv has no name to give them by. */
function hasSecretLinks({ indexes, credentials }: IndexSettings): boolean {
  return indexes.some(({ kind, url }) => kind === "links" && credentials.some((entry) => entry.url === url));
}

/** One index as uv's `[[index]]` has it. */
export function indexTable(index: PackageIndex): Record<string, string | boolean | readonly number[]> {
  return {
    name: index.name,
    url: index.url,
    ...(index.kind === "flat" ? { format: "flat" } : {}),
    ...(index.isDefault ? { default: true } : {}),
    ...(index.isExplicit ? { explicit: true } : {}),
    ...(index.ignoredStatuses === undefined ? {} : { "ignore-error-codes": index.ignoredStatuses }),
  };
}

/** Passed on as they are, when the caller has them: where programs are, how to reach the network, whom to trust. */
const PASSED = [
  "PATH",
  "HOME",
  "NETRC",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  // Windows cannot start a program that uses sockets without it.
  "SYSTEMROOT",
  "USERPROFILE",
];

/** What a keyring's backend needs to reach the session of the user. */
const KEYRING_PASSED = [
  "DBUS_SESSION_BUS_ADDRESS",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XDG_RUNTIME_DIR",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "PYTHON_KEYRING_BACKEND",
  "APPDATA",
  "LOCALAPPDATA",
];

/** The whole environment of a uv process: no variable of uv's or pip's reaches it but those made from `settings`. */
export function uvEnvironment(
  settings: IndexSettings,
  caller: Environment,
  cacheDir: string,
): Record<string, string> {
  const env: Record<string, string> = {};
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== "") env[name] = value;
  };
  const names = settings.keyring === "subprocess" ? [...PASSED, ...KEYRING_PASSED] : PASSED;
  for (const name of names) set(name, caller[name]);
  set("SSL_CERT_FILE", settings.caFile ?? caller.SSL_CERT_FILE ?? caller.REQUESTS_CA_BUNDLE);
  set("SSL_CLIENT_CERT", settings.clientCertificate);
  if (settings.usesSystemCertificates === true) {
    // The older and the newer name of one switch.
    env.UV_NATIVE_TLS = "1";
    env.UV_SYSTEM_CERTS = "1";
  }
  if (settings.proxy !== undefined) {
    for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) {
      env[name] = settings.proxy;
      delete env[name.toLowerCase()];
    }
  }
  set("UV_HTTP_TIMEOUT", settings.timeoutSec?.toString());
  set("UV_HTTP_RETRIES", settings.retries?.toString());
  const links: string[] = [];
  for (const index of settings.indexes) {
    const credentials = settings.credentials.find((entry) => entry.url === index.url);
    if (index.kind === "links") {
      links.push(credentials === undefined ? index.url : withCredentials(index.url, credentials));
      continue;
    }
    if (credentials === undefined) continue;
    set(`UV_INDEX_${variableName(index.name)}_USERNAME`, credentials.username);
    set(`UV_INDEX_${variableName(index.name)}_PASSWORD`, credentials.password);
  }
  if (hasSecretLinks(settings)) set("UV_FIND_LINKS", links.join(","));
  return {
    ...env,
    UV_CACHE_DIR: cacheDir,
    UV_PYTHON_DOWNLOADS: "never",
    UV_NO_WRAP: "1",
    NO_COLOR: "1",
  };
}

/** As uv makes it from the name of an index. */
export function variableName(index: string): string {
  return index.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

function withoutUndefined(table: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
}
