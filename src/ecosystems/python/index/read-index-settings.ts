import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { usageError } from "../../../errors.ts";
import { type CredentialBook, createCredentialBook, type NetrcEntry, parseNetrc } from "./credentials.ts";
import { addIndex, emptyLayer, type IndexLayer, type LayerIndex, type SettingsPlace } from "./index-layer.ts";
import type { IndexSettings, PackageIndex } from "./index-settings.ts";
import { keyringLookup } from "./keyring.ts";
import { readPipSettings } from "./pip-settings.ts";
import { variableName } from "./uv-config.ts";
import { readUvSettings } from "./uv-settings.ts";

export type IndexSettingsRequest = SettingsPlace & {
  /** What the inputs themselves carry: requirements files, a script's `[tool.uv]`. */
  readonly inputLayers: readonly IndexLayer[];
  /** Our own flags. */
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
};

export type IndexSettingsResult = {
  readonly settings: IndexSettings;
  readonly credentials: CredentialBook;
  readonly notices: readonly string[];
};

/**
 * All that is configured, the strongest word first: the requirements files, our flags, uv's configuration, pip's.
 *
 * Of several indexes the first that has a distribution is the only one asked for it (uv's `first-index`): extra indexes
 * in their order, then the default one. pip would mix them and take the highest version from anywhere, so that a
 * stranger who publishes a private name with a high number gets into the build. Who wants pip's way sets
 * `index-strategy = "unsafe-best-match"` in uv's configuration.
 *
 * pip's own indexes count only where nothing stronger names a default index: as in pip, `--index-url` replaces them.
 * @throws CambiumError (exit 2) as `readPipSettings` and `readUvSettings`, and `INDEX_UNKNOWN` for a source that names
 * no index.
 */
export async function readIndexSettings(request: IndexSettingsRequest): Promise<IndexSettingsResult> {
  const strong = [...request.inputLayers, flagLayer(request), ...(await readUvSettings(request))];
  const result = mergeLayers(strong, await readPipSettings(request), request.env);
  const credentials = createCredentialBook({
    urls: result.settings.credentials,
    netrc: readNetrc(request.env),
    ...(result.settings.keyring === "subprocess" ? { keyring: keyringLookup(request.env) } : {}),
  });
  return { ...result, credentials };
}

function flagLayer({ indexUrl, extraIndexUrls, contextDir }: IndexSettingsRequest): IndexLayer {
  const layer = emptyLayer();
  for (const text of extraIndexUrls) {
    addIndex(layer, { text, kind: "simple", where: "--extra-index-url", directory: contextDir });
  }
  if (indexUrl !== undefined) {
    addIndex(layer, {
      text: indexUrl,
      kind: "simple",
      isDefault: true,
      where: "--index-url",
      directory: contextDir,
    });
  }
  return layer;
}

/** Pure: `strong` from the strongest on, then pip's, which gives way as described above. */
export function mergeLayers(
  strong: readonly IndexLayer[],
  pip: IndexLayer,
  env: SettingsPlace["env"],
): { settings: IndexSettings; notices: string[] } {
  const hasDefault = strong.some(({ indexes }) => indexes.some(({ isDefault }) => isDefault));
  const pipLayer = hasDefault
    ? { ...pip, noIndex: false, indexes: pip.indexes.filter(({ kind }) => kind === "links") }
    : pip;
  const layers = [...strong, pipLayer];
  const first = <Key extends keyof IndexLayer>(key: Key) =>
    layers.find((layer) => layer[key] !== undefined)?.[key];
  const noIndex = layers.some((layer) => layer.noIndex === true);
  const notices: string[] = [];
  const indexes = nameIndexes(
    orderIndexes(layers.flatMap((layer) => layer.indexes)).filter((index) => {
      if (noIndex && index.kind === "simple") return false;
      if (!isMissingFolder(index)) return true;
      notices.push(`${index.where}: there is no ${fileURLToPath(index.url)}; it is left out`);
      return false;
    }),
  );
  const sources = Object.assign({}, ...layers.map((layer) => layer.sources ?? {}).reverse());
  assertSources(sources, indexes);
  const settings: IndexSettings = {
    indexes,
    noIndex,
    sources,
    strategy: first("strategy") ?? "first-index",
    prereleasePackages: Object.assign({}, ...layers.map((layer) => layer.prereleasePackages ?? {}).reverse()),
    excludeNewerPackages: Object.assign(
      {},
      ...layers.map((layer) => layer.excludeNewerPackages ?? {}).reverse(),
    ),
    noBinary: [...new Set(layers.flatMap((layer) => layer.noBinary ?? []))],
    keyring: first("keyring") ?? "disabled",
    insecureHosts: [...new Set(layers.flatMap((layer) => layer.insecureHosts ?? []))],
    constraints: layers.flatMap((layer) => layer.constraints ?? []),
    overrides: layers.flatMap((layer) => layer.overrides ?? []),
    credentials: [...layers.flatMap((layer) => layer.credentials), ...namedCredentials(indexes, env)],
    ...present("prerelease", first("prerelease")),
    ...present("resolution", first("resolution")),
    ...present("excludeNewer", first("excludeNewer")),
    ...present("caFile", first("caFile")),
    ...present("clientCertificate", first("clientCertificate")),
    ...present("usesSystemCertificates", first("usesSystemCertificates")),
    ...present("proxy", first("proxy")),
    ...present("timeoutSec", first("timeoutSec")),
    ...present("retries", first("retries")),
    ...present("requiresHashes", first("requiresHashes")),
  };
  return { settings, notices };
}

/** Each URL once; of several defaults the strongest; the default one last, as it is asked last. */
function orderIndexes(indexes: readonly LayerIndex[]): LayerIndex[] {
  const fallback = indexes.find(({ isDefault }) => isDefault);
  const seen = new Set<string>();
  const others = indexes.filter((index) => {
    if (index.isDefault) return false;
    const key = `${index.kind} ${index.url}`;
    // A named index shadows a weaker one of the same name, as in uv.
    const isKnown = seen.has(key) || (index.name !== undefined && seen.has(`name ${index.name}`));
    seen.add(key);
    if (index.name !== undefined) seen.add(`name ${index.name}`);
    return !isKnown && (index.isExplicit || index.kind !== "simple" || index.url !== fallback?.url);
  });
  return fallback === undefined ? others : [...others, fallback];
}

function nameIndexes(indexes: readonly LayerIndex[]): PackageIndex[] {
  const taken = new Set(indexes.flatMap(({ name }) => (name === undefined ? [] : variableName(name))));
  let count = 0;
  return indexes.map((index) => {
    if (index.name !== undefined) return { ...index, name: index.name };
    let name: string;
    do {
      count += 1;
      name = `index-${count}`;
    } while (taken.has(variableName(name)));
    return { ...index, name };
  });
}

/** `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`. */
function namedCredentials(indexes: readonly PackageIndex[], env: SettingsPlace["env"]) {
  return indexes.flatMap(({ name, url }) => {
    const username = env[`UV_INDEX_${variableName(name)}_USERNAME`];
    const password = env[`UV_INDEX_${variableName(name)}_PASSWORD`];
    if (username === undefined && password === undefined) return [];
    return [{ url, username: username ?? "", password: password ?? "" }];
  });
}

function assertSources(sources: IndexSettings["sources"], indexes: readonly PackageIndex[]): void {
  for (const [distribution, entries] of Object.entries(sources)) {
    const unknown = entries.find((entry) => !indexes.some(({ name }) => name === entry.index));
    if (unknown === undefined) continue;
    throw usageError(
      "INDEX_UNKNOWN",
      `tool.uv.sources: ${distribution} comes from the index ${JSON.stringify(unknown.index)}, which is not defined`,
      "Add it as [[tool.uv.index]] with that name.",
    );
  }
}

/** pip passes over a find-links folder that is not there; so a shared setting may name one that some machines lack. */
function isMissingFolder(index: LayerIndex): boolean {
  return index.kind === "links" && index.url.startsWith("file:") && !existsSync(fileURLToPath(index.url));
}

/** What every program reads that knows `.netrc`; a file that cannot be read is as good as none. */
function readNetrc(env: SettingsPlace["env"]): NetrcEntry[] {
  const home = env.HOME ?? env.USERPROFILE;
  const paths = env.NETRC
    ? [env.NETRC]
    : home === undefined
      ? []
      : [join(home, ".netrc"), join(home, "_netrc")];
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) return [];
  try {
    return parseNetrc(readFileSync(path, "utf8"));
  } catch {
    return [];
  }
}

function present<Key extends keyof IndexSettings>(
  key: Key,
  value: IndexSettings[Key] | undefined,
): Partial<Pick<IndexSettings, Key>> {
  const part: Partial<Record<Key, IndexSettings[Key]>> = {};
  if (value !== undefined) part[key] = value;
  return part as Partial<Pick<IndexSettings, Key>>;
}
