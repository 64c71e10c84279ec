import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { usageError } from "../../../errors.ts";
import type { NormalizedName } from "../lock.ts";
import type { WantedRequirement } from "../requirements/wanted.ts";
import { splitCredentials, stripCredentials, type UrlCredentials } from "./credentials.ts";
import type {
  IndexKind,
  IndexSource,
  IndexStrategy,
  PackageIndex,
  PrereleaseMode,
  ResolutionMode,
} from "./index-settings.ts";

/** An index as one source of settings has it: not all of them name it. */
export type LayerIndex = Omit<PackageIndex, "name"> & { readonly name?: string };

/** What one source of settings says; absent means that it is silent. Later layers fill what earlier ones leave open. */
export type IndexLayer = {
  readonly indexes: readonly LayerIndex[];
  readonly credentials: readonly UrlCredentials[];
  readonly noIndex?: boolean;
  readonly sources?: Readonly<Record<string, readonly IndexSource[]>>;
  readonly strategy?: IndexStrategy;
  readonly prerelease?: PrereleaseMode;
  readonly prereleasePackages?: Readonly<Record<string, PrereleaseMode>>;
  readonly resolution?: ResolutionMode;
  readonly excludeNewer?: string;
  readonly excludeNewerPackages?: Readonly<Record<string, string>>;
  readonly noBinary?: readonly NormalizedName[];
  readonly keyring?: "disabled" | "subprocess";
  readonly insecureHosts?: readonly string[];
  readonly caFile?: string;
  readonly clientCertificate?: string;
  readonly usesSystemCertificates?: boolean;
  readonly proxy?: string;
  readonly timeoutSec?: number;
  readonly retries?: number;
  readonly requiresHashes?: boolean;
  /** Added to those of the requirements. */
  readonly constraints?: readonly WantedRequirement[];
  readonly overrides?: readonly WantedRequirement[];
};

/** Where settings are looked for. */
export type SettingsPlace = {
  /** The caller's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly contextDir: string;
  /** Where the machine's own settings are; default `/etc`. */
  readonly systemDir?: string;
};

/** A layer under construction. */
export type LayerDraft = { -readonly [Key in keyof IndexLayer]: IndexLayer[Key] } & {
  indexes: LayerIndex[];
  credentials: UrlCredentials[];
};

export function emptyLayer(): LayerDraft {
  return { indexes: [], credentials: [] };
}

/** How an index was written: its URL or path, what `where` says of it, and what relative paths begin at. */
export type WrittenIndex = {
  readonly text: string;
  readonly kind: IndexKind;
  readonly isDefault?: boolean;
  readonly isExplicit?: boolean;
  readonly name?: string;
  readonly ignoredStatuses?: readonly number[];
  readonly where: string;
  /** Absolute. */
  readonly directory: string;
};

/**
 * Adds an index to a layer, its credentials apart from it. A path becomes a `file:` URL.
 * @throws CambiumError `INDEX_URL` for another scheme.
 */
export function addIndex(layer: LayerDraft, written: WrittenIndex): void {
  const { url, credentials } = splitCredentials(indexUrl(written));
  if (credentials !== undefined) layer.credentials.push(credentials);
  layer.indexes.push({
    url,
    kind: written.kind,
    isDefault: written.isDefault ?? false,
    isExplicit: written.isExplicit ?? false,
    where: written.where,
    ...(written.name === undefined ? {} : { name: written.name }),
    ...(written.ignoredStatuses === undefined ? {} : { ignoredStatuses: written.ignoredStatuses }),
  });
}

function indexUrl({ text, where, directory }: WrittenIndex): string {
  // A drive letter is no scheme.
  if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) {
    return pathToFileURL(isAbsolute(text) ? text : resolve(directory, text)).href;
  }
  if (/^(https?:\/\/|file:)/i.test(text) && URL.canParse(text)) return text;
  throw usageError(
    "INDEX_URL",
    `${where}: not the address of a package index: ${JSON.stringify(stripCredentials(text))}`,
    "Write an http, https or file URL, or the path of a folder.",
  );
}

/** An option or setting that has no counterpart here. Leaving it out silently would resolve something else. */
export function unsupportedSetting(where: string, setting: string, hint: string) {
  return usageError("INDEX_SETTING_UNSUPPORTED", `${where}: ${setting} cannot be honoured`, hint);
}

/** As pip and uv read switches in variables and files. @throws CambiumError `SETTING_VALUE`. */
export function parseSwitch(text: string, where: string): boolean {
  const word = text.trim().toLowerCase();
  if (["1", "y", "yes", "t", "true", "on"].includes(word)) return true;
  if (["0", "n", "no", "f", "false", "off", ""].includes(word)) return false;
  throw usageError(
    "SETTING_VALUE",
    `${where}: not yes or no: ${JSON.stringify(text)}`,
    "Write true or false.",
  );
}

/** @throws CambiumError `SETTING_VALUE`. */
export function wholeNumber(value: string, where: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number) && number >= 0) return Math.ceil(number);
  throw usageError(
    "SETTING_VALUE",
    `${where}: not a number: ${JSON.stringify(value)}`,
    "Write a whole number.",
  );
}
