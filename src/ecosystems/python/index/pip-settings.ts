import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { messageOf, usageError } from "../../../errors.ts";
import { applyNoBinary, applyPrereleases, readRequirementsFile } from "../requirements/requirements-file.ts";
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
import { parseIni } from "./ini.ts";

/** One value that pip would use, with where it stands. */
type PipValue = { readonly value: string; readonly where: string; readonly directory: string };

/** Change what a resolution gives and have no counterpart here. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  "no-deps": "Cambium always takes dependencies; list what you want left out in no file.",
  "no-dependencies": "Cambium always takes dependencies; list what you want left out in no file.",
  "only-deps": "Name the requirements in a file instead.",
  requirement: "Name the file in cambium.yaml or on the command line.",
  editable: "Name the project in cambium.yaml or on the command line.",
  group: "Name groups with --group.",
  platform: "The target comes from --platform and the base.",
  "python-version": "The target comes from the base.",
  implementation: "The target comes from the base.",
  abi: "The target comes from the base.",
  "ignore-requires-python": "Choose a base whose Python the project supports.",
  "global-option": "It is meant for building from source, and nothing is built.",
  "install-option": "It is meant for building from source, and nothing is built.",
};

/**
 * What pip's configuration says about indexes: `pip.conf` of the system, the user and the virtual environment,
 * `PIP_CONFIG_FILE`, and `PIP_*`, with pip's own precedence ([global], then [install], then variables).
 * @throws CambiumError (exit 2) `SETTINGS_SYNTAX`, `SETTING_VALUE`, `INDEX_URL`, `INDEX_SETTING_UNSUPPORTED`.
 */
export async function readPipSettings(place: SettingsPlace): Promise<IndexLayer> {
  const values = pipValues(place);
  const layer = emptyLayer();
  const constraints = [];
  for (const [key, written] of values) {
    if (key === "constraint") {
      for (const name of written.value.split(/\s+/)) {
        const path = isAbsolute(name) ? name : resolve(place.contextDir, name);
        const { wanted, layer: inner } = await readRequirementsFile(path, place);
        constraints.push(...wanted.requirements, ...wanted.constraints);
        layer.credentials.push(...inner.credentials);
      }
    } else applyPipValue(layer, key, written);
  }
  if (constraints.length > 0) layer.constraints = constraints;
  return layer;
}

function applyPipValue(layer: LayerDraft, key: string, { value, where, directory }: PipValue): void {
  const words = value.split(/\s+/).filter((word) => word !== "");
  const reason = UNSUPPORTED[key];
  if (reason !== undefined && value.trim() !== "" && !isOff(value))
    throw unsupportedSetting(where, key, reason);
  switch (key) {
    case "index-url":
    case "pypi-url":
      addIndex(layer, { text: value, kind: "simple", isDefault: true, where, directory });
      return;
    case "extra-index-url":
      for (const text of words) addIndex(layer, { text, kind: "simple", where, directory });
      return;
    case "find-links":
      for (const text of words) addIndex(layer, { text, kind: "links", where, directory });
      return;
    case "no-index":
      layer.noIndex = parseSwitch(value, where);
      return;
    case "pre":
      if (parseSwitch(value, where)) layer.prerelease = "allow";
      return;
    case "all-releases":
      applyPrereleases(layer, "allow", value, where);
      return;
    case "only-final":
      applyPrereleases(layer, "disallow", value, where);
      return;
    case "no-binary":
      applyNoBinary(layer, value, where);
      return;
    case "trusted-host":
      layer.insecureHosts = words;
      return;
    case "cert":
      layer.caFile = resolve(directory, value);
      return;
    case "client-cert":
      layer.clientCertificate = resolve(directory, value);
      return;
    case "proxy":
      layer.proxy = value.includes("://") ? value : `http://${value}`;
      return;
    case "timeout":
    case "default-timeout":
      layer.timeoutSec = wholeNumber(value, where);
      return;
    case "retries":
      layer.retries = wholeNumber(value, where);
      return;
    case "keyring-provider":
      layer.keyring = keyringProvider(value, where);
      return;
    case "uploaded-prior-to":
      layer.excludeNewer = value;
      return;
    case "require-hashes":
      layer.requiresHashes = parseSwitch(value, where);
      return;
    // All others say how pip works or where it installs; no result depends on them.
  }
}

/** `auto` means pip's own guess at what is installed; without an explicit word no keyring is asked. */
function keyringProvider(value: string, where: string): "disabled" | "subprocess" {
  if (value === "auto" || value === "disabled") return "disabled";
  if (value === "subprocess" || value === "import") return "subprocess";
  throw usageError("SETTING_VALUE", `${where}: not a keyring provider: ${JSON.stringify(value)}`);
}

function isOff(value: string): boolean {
  return ["0", "no", "false", "off", "n", "f"].includes(value.trim().toLowerCase());
}

/** The last word on each key. pip drops empty values, so that they cannot hide an earlier one. */
function pipValues(place: SettingsPlace): Map<string, PipValue> {
  const bySection = new Map<string, Map<string, PipValue>>([
    ["global", new Map()],
    ["install", new Map()],
    [":env:", new Map()],
  ]);
  for (const path of pipConfigFiles(place)) {
    for (const { section, key, value, line } of parseIni(readSettings(path), path)) {
      const normalized = normalizedKey(key);
      // pip resolves paths in its files against the folder it is started in.
      bySection
        .get(section)
        ?.set(normalized, { value, where: `${path}:${line}`, directory: place.contextDir });
    }
  }
  for (const [name, value] of Object.entries(place.env)) {
    if (!name.startsWith("PIP_") || value === undefined || name === "PIP_CONFIG_FILE") continue;
    const key = normalizedKey(name.slice(4));
    bySection.get(":env:")!.set(key, { value, where: name, directory: place.contextDir });
  }
  const values = new Map<string, PipValue>();
  for (const section of bySection.values()) {
    for (const [key, written] of section) if (written.value.trim() !== "") values.set(key, written);
  }
  return values;
}

function normalizedKey(key: string): string {
  return key.toLowerCase().replaceAll("_", "-").replace(/^--/, "");
}

/** In the order of pip's precedence, the strongest last. */
export function pipConfigFiles({ env, contextDir, systemDir = "/etc" }: SettingsPlace): string[] {
  const own = env.PIP_CONFIG_FILE;
  if (own === "/dev/null" || own?.toLowerCase() === "nul") return [];
  const home = env.HOME ?? env.USERPROFILE;
  const systemFolders = (env.XDG_CONFIG_DIRS || join(systemDir, "xdg"))
    .split(":")
    .filter((folder) => isAbsolute(folder));
  const files = [
    ...systemFolders.map((folder) => join(folder, "pip", "pip.conf")),
    join(systemDir, "pip.conf"),
  ];
  if (process.platform === "darwin") files.unshift("/Library/Application Support/pip/pip.conf");
  if (home !== undefined && !(own !== undefined && existsSync(resolve(contextDir, own)))) {
    files.push(join(home, ".pip", "pip.conf"));
    if (process.platform === "darwin")
      files.push(join(home, "Library", "Application Support", "pip", "pip.conf"));
    files.push(join(env.XDG_CONFIG_HOME || join(home, ".config"), "pip", "pip.conf"));
  }
  const prefix = env.VIRTUAL_ENV;
  if (prefix !== undefined && isAbsolute(prefix)) files.push(join(prefix, "pip.conf"));
  if (own !== undefined && own !== "") files.push(resolve(contextDir, own));
  return files.filter((path) => existsSync(path));
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
