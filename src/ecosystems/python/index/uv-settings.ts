import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { messageOf, usageError } from "../../../errors.ts";
import { parseProjectName } from "../name.ts";
import { readRequirementsFile } from "../requirements/requirements-file.ts";
import {
  booleanIn,
  choiceIn,
  isTable,
  parseTomlFile,
  placeOfField,
  stringIn,
  stringsIn,
  type TomlTable,
  tableIn,
  tablesIn,
  wrongType,
} from "../requirements/toml-fields.ts";
import { wantedRequirement } from "../requirements/wanted.ts";
import {
  addIndex,
  emptyLayer,
  type IndexLayer,
  type LayerDraft,
  parseSwitch,
  type SettingsPlace,
  unsupportedSetting,
  wholeNumber,
} from "./index-layer.ts";
import { indexStrategies, type PrereleaseMode, prereleaseModes, resolutionModes } from "./index-settings.ts";

const KEYRINGS = ["disabled", "subprocess"] as const;

/** Change what a resolution gives and have no counterpart here. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  "exclude-dependencies": "Write the dependency as an override with a marker that never holds.",
  "dependency-metadata": "Lock with uv (uv lock) and build from uv.lock.",
  "torch-backend": "Name the index: [[tool.uv.index]] with the address for that accelerator.",
  offline: "Build from a lock (--locked), which needs no index.",
  "no-deps": "Cambium always takes dependencies.",
};

/**
 * What uv's configuration says about indexes, the strongest first: `UV_*`, the project's `uv.toml` or `[tool.uv]`
 * (nearest folder upwards), the user's, the system's.
 * @throws CambiumError (exit 2) `SETTINGS_SYNTAX`, `SETTING_TYPE`, `SETTING_VALUE`, `INDEX_URL`,
 * `INDEX_SETTING_UNSUPPORTED`.
 */
export async function readUvSettings(place: SettingsPlace): Promise<IndexLayer[]> {
  const layers = [await layerFromVariables(place)];
  for (const { table, directory } of uvTables(place)) layers.push(layerFromTable(table, directory));
  return layers;
}

/** A `[tool.uv]` table, also that of a PEP 723 script. `directory`: where relative paths begin. */
export function layerFromTable(table: TomlTable, directory: string): IndexLayer {
  const layer = emptyLayer();
  for (const [key, hint] of Object.entries(UNSUPPORTED)) {
    const value = table.values[key];
    if (value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)) {
      throw unsupportedSetting(placeOfField(table, key), "this setting", hint);
    }
  }
  applyIndexes(layer, table, directory);
  applyChoices(layer, table);
  applyDependencies(layer, table);
  const pip = tableIn(table, "pip");
  // uv's own `uv pip` commands let this table go before the other.
  return pip === undefined ? layer : { ...layer, ...withoutEmpty(layerFromTable(pip, directory), layer) };
}

function withoutEmpty(pip: IndexLayer, outer: IndexLayer): IndexLayer {
  return {
    ...pip,
    indexes: [
      ...pip.indexes,
      ...outer.indexes.filter(({ isDefault }) => !isDefault || !pip.indexes.some((i) => i.isDefault)),
    ],
    credentials: [...pip.credentials, ...outer.credentials],
  };
}

function applyIndexes(layer: LayerDraft, table: TomlTable, directory: string): void {
  const add = (text: string, key: string, kind: "simple" | "links", isDefault = false) => {
    addIndex(layer, { text, kind, isDefault, where: placeOfField(table, key), directory });
  };
  for (const entry of tablesIn(table, "index") ?? []) {
    const text = stringIn(entry, "url");
    if (text === undefined) throw wrongType(entry, "url", "given for every index");
    const name = stringIn(entry, "name");
    const ignored = entry.values["ignore-error-codes"];
    addIndex(layer, {
      text,
      kind: choiceIn(entry, "format", ["simple", "flat"]) ?? "simple",
      isDefault: booleanIn(entry, "default") ?? false,
      isExplicit: booleanIn(entry, "explicit") ?? false,
      ...(name === undefined ? {} : { name }),
      ...(Array.isArray(ignored) ? { ignoredStatuses: ignored.map(Number) } : {}),
      where: placeOfField(table, "index"),
      directory,
    });
  }
  for (const text of stringsIn(table, "extra-index-url") ?? []) add(text, "extra-index-url", "simple");
  const indexUrl = stringIn(table, "index-url");
  if (indexUrl !== undefined) add(indexUrl, "index-url", "simple", true);
  for (const text of stringsIn(table, "find-links") ?? []) add(text, "find-links", "links");
  assign(layer, "noIndex", booleanIn(table, "no-index"));
  applySources(layer, table);
}

/** Sources other than an index are for the reader of the requirements, who knows whether they matter. */
function applySources(layer: LayerDraft, table: TomlTable): void {
  const sources = tableIn(table, "sources");
  for (const [text, value] of Object.entries(sources?.values ?? {})) {
    const entries = (Array.isArray(value) ? value : [value]).filter(isTable).flatMap((entry) => {
      const { index, marker } = entry;
      if (typeof index !== "string") return [];
      return [{ index, ...(typeof marker === "string" ? { marker } : {}) }];
    });
    if (entries.length > 0) {
      const name = parseProjectName(text, placeOfField(sources!, text));
      layer.sources = { ...layer.sources, [name]: entries };
    }
  }
}

function applyChoices(layer: LayerDraft, table: TomlTable): void {
  assign(layer, "strategy", choiceIn(table, "index-strategy", indexStrategies));
  assign(layer, "prerelease", choiceIn(table, "prerelease", prereleaseModes));
  assign(layer, "resolution", choiceIn(table, "resolution", resolutionModes));
  assign(layer, "keyring", choiceIn(table, "keyring-provider", KEYRINGS));
  assign(layer, "excludeNewer", stringIn(table, "exclude-newer"));
  assign(layer, "insecureHosts", stringsIn(table, "allow-insecure-host"));
  assign(layer, "usesSystemCertificates", booleanIn(table, "system-certs") ?? booleanIn(table, "native-tls"));
  assign(layer, "requiresHashes", booleanIn(table, "require-hashes"));
  if (booleanIn(table, "no-binary") === true) {
    throw unsupportedSetting(
      placeOfField(table, "no-binary"),
      "this setting",
      "Cambium takes wheels and builds nothing yet.",
    );
  }
  const where = placeOfField(table, "no-binary-package");
  assign(
    layer,
    "noBinary",
    stringsIn(table, "no-binary-package")?.map((name) => parseProjectName(name, where)),
  );
  const newer = stringTable(table, "exclude-newer-package");
  assign(layer, "excludeNewerPackages", newer);
  const modes = stringTable(table, "prerelease-package");
  assign(layer, "prereleasePackages", modes as Record<string, PrereleaseMode> | undefined);
}

function applyDependencies(layer: LayerDraft, table: TomlTable): void {
  const read = (key: string) =>
    stringsIn(table, key)?.map((text) =>
      wantedRequirement(text, placeOfField(table, key), layer.credentials),
    );
  assign(layer, "constraints", read("constraint-dependencies"));
  assign(layer, "overrides", read("override-dependencies"));
}

async function layerFromVariables({ env, contextDir }: SettingsPlace): Promise<IndexLayer> {
  const layer = emptyLayer();
  const words = (name: string, separator = /\s+/) =>
    (env[name] ?? "").split(separator).filter((word) => word !== "");
  const add = (name: string, written: string, kind: "simple" | "links", isDefault = false) => {
    // `name=URL`, but a URL may have a query with "=".
    const named = /^([\w.-]+)=(.+)$/s.exec(written);
    const text = named === null ? written : named[2]!;
    const label = named === null ? {} : { name: named[1]! };
    addIndex(layer, { text, kind, isDefault, ...label, where: name, directory: contextDir });
  };
  for (const word of words("UV_INDEX")) add("UV_INDEX", word, "simple");
  for (const word of words("UV_EXTRA_INDEX_URL")) add("UV_EXTRA_INDEX_URL", word, "simple");
  for (const name of ["UV_DEFAULT_INDEX", "UV_INDEX_URL"]) {
    const [word] = words(name);
    if (word === undefined) continue;
    add(name, word, "simple", true);
    break;
  }
  for (const word of words("UV_FIND_LINKS", /,/)) add("UV_FIND_LINKS", word.trim(), "links");
  const choice = <T extends string>(name: string, choices: readonly T[]): T | undefined => {
    const value = env[name];
    if (value === undefined || value === "") return undefined;
    const found = choices.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    throw usageError(
      "SETTING_VALUE",
      `${name}: ${JSON.stringify(value)} is not one of ${choices.join(", ")}`,
    );
  };
  const flag = (name: string) =>
    env[name] === undefined || env[name] === "" ? undefined : parseSwitch(env[name], name);
  assign(layer, "strategy", choice("UV_INDEX_STRATEGY", indexStrategies));
  assign(layer, "prerelease", choice("UV_PRERELEASE", prereleaseModes));
  assign(layer, "resolution", choice("UV_RESOLUTION", resolutionModes));
  assign(layer, "keyring", choice("UV_KEYRING_PROVIDER", KEYRINGS));
  assign(layer, "excludeNewer", env.UV_EXCLUDE_NEWER || undefined);
  if (words("UV_INSECURE_HOST").length > 0) layer.insecureHosts = words("UV_INSECURE_HOST", /[\s,]+/);
  assign(layer, "usesSystemCertificates", flag("UV_SYSTEM_CERTS") ?? flag("UV_NATIVE_TLS"));
  assign(layer, "requiresHashes", flag("UV_REQUIRE_HASHES"));
  const noBinary = words("UV_NO_BINARY_PACKAGE").map((name) =>
    parseProjectName(name, "UV_NO_BINARY_PACKAGE"),
  );
  if (noBinary.length > 0) layer.noBinary = noBinary;
  for (const name of ["UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"]) {
    const value = env[name];
    if (layer.timeoutSec === undefined && value) layer.timeoutSec = wholeNumber(value, name);
  }
  const retries = env.UV_HTTP_RETRIES;
  if (retries) layer.retries = wholeNumber(retries, "UV_HTTP_RETRIES");
  for (const [name, hint] of [
    ["UV_NO_BINARY", "Cambium takes wheels and builds nothing yet."],
    ["UV_OFFLINE", UNSUPPORTED.offline!],
  ] as const) {
    if (flag(name) === true) throw unsupportedSetting(name, "this variable", hint);
  }
  for (const [name, key] of [
    ["UV_EXCLUDE", "exclude-dependencies"],
    ["UV_TORCH_BACKEND", "torch-backend"],
  ] as const) {
    if (env[name]) throw unsupportedSetting(name, "this variable", UNSUPPORTED[key]!);
  }
  for (const [name, key] of [
    ["UV_CONSTRAINT", "constraints"],
    ["UV_OVERRIDE", "overrides"],
  ] as const) {
    for (const word of words(name)) {
      const path = isAbsolute(word) ? word : resolve(contextDir, word);
      const { wanted, layer: inner } = await readRequirementsFile(path, { env, contextDir });
      layer.credentials.push(...inner.credentials);
      layer[key] = [...(layer[key] ?? []), ...wanted.requirements, ...wanted.constraints];
    }
  }
  return layer;
}

/** The files that uv would read, the strongest first. */
function uvTables({
  env,
  contextDir,
  systemDir = "/etc",
}: SettingsPlace): { table: TomlTable; directory: string }[] {
  if (env.UV_CONFIG_FILE) {
    const path = resolve(contextDir, env.UV_CONFIG_FILE);
    return [{ table: parseTomlFile(readSettings(path), path), directory: dirname(path) }];
  }
  if (env.UV_NO_CONFIG && parseSwitch(env.UV_NO_CONFIG, "UV_NO_CONFIG")) return [];
  const found: { table: TomlTable; directory: string }[] = [];
  const project = projectTable(contextDir);
  if (project !== undefined) found.push(project);
  const home = env.HOME ?? env.USERPROFILE;
  const userFolder = env.XDG_CONFIG_HOME || (home === undefined ? undefined : join(home, ".config"));
  const systemFolders = (env.XDG_CONFIG_DIRS || join(systemDir, "xdg"))
    .split(":")
    .filter((folder) => isAbsolute(folder));
  const user = [userFolder, process.platform === "win32" ? env.APPDATA : undefined];
  const system = [...systemFolders, systemDir];
  for (const folders of [user, system]) {
    const paths = folders
      .filter((folder) => folder !== undefined)
      .map((folder) => join(folder, "uv", "uv.toml"));
    const path = paths.find((candidate) => existsSync(candidate));
    if (path !== undefined)
      found.push({ table: parseTomlFile(readSettings(path), path), directory: dirname(path) });
  }
  return found;
}

/** The nearest folder upwards that has a `uv.toml` or a `pyproject.toml` with `[tool.uv]`. */
function projectTable(contextDir: string): { table: TomlTable; directory: string } | undefined {
  for (let directory = contextDir; ; directory = dirname(directory)) {
    const shown = (name: string) => (directory === contextDir ? name : join(directory, name));
    const own = join(directory, "uv.toml");
    if (existsSync(own)) return { table: parseTomlFile(readSettings(own), shown("uv.toml")), directory };
    const project = join(directory, "pyproject.toml");
    if (existsSync(project)) {
      const root = parseTomlFile(readSettings(project), shown("pyproject.toml"));
      const tool = tableIn(root, "tool");
      const table = tool === undefined ? undefined : tableIn(tool, "uv");
      if (table !== undefined) return { table, directory };
    }
    if (directory === dirname(directory)) return undefined;
  }
}

function stringTable(table: TomlTable, key: string): Record<string, string> | undefined {
  const value = table.values[key];
  if (value === undefined) return undefined;
  const inner = tableIn(table, key)!;
  return Object.fromEntries(Object.keys(inner.values).map((name) => [name, stringIn(inner, name)!]));
}

/** Sets a member only when there is something to set: an absent one leaves the word to weaker layers. */
function assign<Key extends keyof LayerDraft>(
  layer: LayerDraft,
  key: Key,
  value: LayerDraft[Key] | undefined,
): void {
  if (value !== undefined) layer[key] = value;
}

function readSettings(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw usageError(
      "SETTINGS_SYNTAX",
      `cannot read ${path}: ${messageOf(cause)}`,
      "Check its permissions.",
      cause,
    );
  }
}
