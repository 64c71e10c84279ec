import { readFile } from "node:fs/promises";
import { dirname, relative, resolve, sep } from "node:path";
import { messageOf, usageError } from "../../../errors.ts";
import { type Digest, parseDigest } from "../../../layer/digest.ts";
import {
  addIndex,
  emptyLayer,
  type IndexLayer,
  type LayerDraft,
  unsupportedSetting,
} from "../index/index-layer.ts";
import { parseProjectName } from "../name.ts";
import { isProject, type RequirementPlace, readRequirement } from "./requirement-location.ts";
import { decodeRequirements, requirementsLines } from "./requirements-lines.ts";
import { type RequirementsOption, splitOptions } from "./requirements-options.ts";
import type { Wanted, WantedProject, WantedRequirement } from "./wanted.ts";

export type RequirementsFile = {
  readonly wanted: Wanted;
  /** From `-e .` and `.`: the folder of the file itself or of the context. */
  readonly projects: readonly WantedProject[];
  /** The index options of this file and those it includes. */
  readonly layer: IndexLayer;
  /** Every file read, absolute, in the order of first reading. */
  readonly files: readonly string[];
};

export type RequirementsFileOptions = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute: messages name files relative to it, and paths may begin there. */
  readonly contextDir: string;
};

/** Far above any real set of files; a chain of generated ones must end. */
const MOST_FILES = 200;
const LARGEST_FILE = 16 << 20;

/**
 * Reads a requirements file in pip's format with all that it includes. `path` is absolute.
 * Messages name file and line and never hold credentials.
 * @throws CambiumError (exit 2) `REQUIREMENTS_MISSING`, `REQUIREMENTS_LOOP`, `REQUIREMENTS_SYNTAX`,
 * `REQUIREMENTS_ENCODING`, `REQUIREMENTS_VARIABLE`, `REQUIREMENT_EDITABLE`, `REQUIREMENT_HASH`,
 * `INDEX_SETTING_UNSUPPORTED`, and as `readRequirement`.
 */
export async function readRequirementsFile(
  path: string,
  options: RequirementsFileOptions,
): Promise<RequirementsFile> {
  const draft: Draft = {
    requirements: [],
    constraints: [],
    projects: [],
    layer: emptyLayer(),
    files: [],
    hashChecking: undefined,
    options,
  };
  await readInto(draft, { path, isConstraint: false, includedFrom: undefined, stack: [] });
  const { requirements, constraints, hashChecking } = draft;
  return {
    wanted: {
      requirements,
      constraints,
      overrides: [],
      ...(hashChecking === undefined ? {} : { hashChecking }),
    },
    projects: draft.projects,
    layer: draft.layer,
    files: draft.files,
  };
}

type Draft = {
  readonly requirements: WantedRequirement[];
  readonly constraints: WantedRequirement[];
  readonly projects: WantedProject[];
  readonly layer: LayerDraft;
  readonly files: string[];
  hashChecking: "always" | "never" | undefined;
  readonly options: RequirementsFileOptions;
};

type Inclusion = {
  readonly path: string;
  readonly isConstraint: boolean;
  /** File and line. */
  readonly includedFrom: string | undefined;
  /** Files that are being read, outermost first. */
  readonly stack: readonly string[];
};

async function readInto(draft: Draft, inclusion: Inclusion): Promise<void> {
  const { path, includedFrom, stack } = inclusion;
  const name = shownPath(path, draft.options.contextDir);
  if (stack.includes(path)) {
    const chain = [...stack.slice(stack.indexOf(path)), path].map((file) =>
      shownPath(file, draft.options.contextDir),
    );
    throw usageError(
      "REQUIREMENTS_LOOP",
      `${includedFrom}: the file includes itself: ${chain.join(" -> ")}`,
      "Take one of the -r or -c lines out.",
    );
  }
  if (!draft.files.includes(path)) draft.files.push(path);
  if (draft.files.length > MOST_FILES || stack.length > MOST_FILES) {
    throw usageError("REQUIREMENTS_LOOP", `${name}: more than ${MOST_FILES} files include one another`);
  }
  const text = decodeRequirements(await bytesOf(path, name, includedFrom), name);
  for (const line of requirementsLines(text, name, draft.options.env)) {
    await readLine(draft, inclusion, line.text, `${name}:${line.number}`);
  }
}

async function bytesOf(path: string, name: string, includedFrom: string | undefined): Promise<Uint8Array> {
  const from = includedFrom === undefined ? "" : `${includedFrom}: `;
  const bytes = await readFile(path).catch((cause) => {
    throw usageError(
      "REQUIREMENTS_MISSING",
      `${from}cannot read ${name}: ${messageOf(cause)}`,
      "Paths after -r and -c begin at the folder of the file that has them.",
      cause,
    );
  });
  if (bytes.byteLength <= LARGEST_FILE) return bytes;
  throw usageError("REQUIREMENTS_SYNTAX", `${name}: ${bytes.byteLength} bytes is no requirements file`);
}

async function readLine(draft: Draft, inclusion: Inclusion, text: string, where: string): Promise<void> {
  const { specifier, options } = splitOptions(text, where);
  const directory = dirname(inclusion.path);
  const place: RequirementPlace = {
    where,
    directories: [directory, draft.options.contextDir],
    credentials: draft.layer.credentials,
  };
  if (specifier !== "") {
    const wanted = readRequirement(specifier, place, hashesOf(options, where));
    addWanted(draft, inclusion, wanted, place);
    return;
  }
  for (const option of options) {
    if (option.name === "--requirement" || option.name === "--constraint") {
      await readInto(draft, {
        path: includedPath(option.value, directory, where),
        isConstraint: option.name === "--constraint",
        includedFrom: where,
        stack: [...inclusion.stack, inclusion.path],
      });
    } else if (option.name === "--editable") {
      addWanted(draft, inclusion, editable(option.value, place), place);
    } else {
      applyOption(draft, option, where, directory);
    }
  }
}

function addWanted(
  draft: Draft,
  inclusion: Inclusion,
  wanted: WantedRequirement | WantedProject,
  { where, directories }: RequirementPlace,
): void {
  if (!isProject(wanted)) {
    (inclusion.isConstraint ? draft.constraints : draft.requirements).push(wanted);
  } else if (inclusion.isConstraint || !directories.includes(wanted.path)) {
    throw usageError(
      "REQUIREMENT_EDITABLE",
      `${where}: only the project itself can be installed from its folder, not ${wanted.path}`,
      "Build a wheel from that folder (pip wheel) and require the file, or copy its files into the image.",
    );
  } else draft.projects.push(wanted);
}

function editable(value: string, place: RequirementPlace): WantedRequirement | WantedProject {
  const wanted = readRequirement(value, place);
  if (isProject(wanted)) return wanted;
  throw usageError(
    "REQUIREMENT_EDITABLE",
    `${place.where}: -e needs a project folder: ${value.replace(/:\/\/[^/@]*@/, "://")}`,
    "Write -e . for the project itself, or the requirement without -e.",
  );
}

function includedPath(value: string, directory: string, where: string): string {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(value)) return resolve(directory, value);
  throw usageError(
    "REQUIREMENTS_MISSING",
    `${where}: a requirements file is not fetched from a URL`,
    "Download it into the project, so that every build reads the same.",
  );
}

/** `--hash` demands; of several kinds sha256 counts, since every index and lock has it. */
function hashesOf(options: readonly RequirementsOption[], where: string): Digest[] {
  const digests: Digest[] = [];
  const others: string[] = [];
  for (const { name, value } of options) {
    // Settings for builds have no effect on a wheel.
    if (name === "--config-settings") continue;
    if (name !== "--hash") {
      throw usageError(
        "REQUIREMENTS_SYNTAX",
        `${where}: ${name} has no effect after a requirement`,
        "Give the option a line of its own.",
      );
    }
    const match = /^([a-z0-9]+):([0-9a-f]+)$/i.exec(value);
    if (match !== null && match[1]!.toLowerCase() === "sha256" && match[2]!.length === 64) {
      digests.push(parseDigest(`sha256:${match[2]!.toLowerCase()}`, where));
    } else if (match !== null && /^sha(384|512)$/i.test(match[1]!)) others.push(match[1]!);
    else {
      throw usageError(
        "REQUIREMENT_HASH",
        `${where}: not a usable hash: ${JSON.stringify(value)}`,
        "Write --hash=sha256: and 64 hex digits.",
      );
    }
  }
  if (digests.length > 0 || others.length === 0) return digests;
  throw usageError(
    "REQUIREMENT_HASH",
    `${where}: only ${others[0]} hashes, and indexes tell sha256`,
    "Add the sha256 of the wheel (pip hash FILE prints it).",
  );
}

function applyOption(draft: Draft, option: RequirementsOption, where: string, directory: string): void {
  const { layer } = draft;
  const { name, value } = option;
  switch (name) {
    case "--index-url": {
      const other = layer.indexes.find(({ isDefault }) => isDefault);
      if (other !== undefined) layer.indexes.splice(layer.indexes.indexOf(other), 1);
      addIndex(layer, { text: value, kind: "simple", isDefault: true, where, directory });
      if (other !== undefined && other.url !== layer.indexes.at(-1)!.url) {
        throw usageError(
          "INDEX_SETTING_CONFLICT",
          `${where}: --index-url differs from the one at ${other.where}`,
          "One resolution has one default index: write the other as --extra-index-url.",
        );
      }
      return;
    }
    case "--extra-index-url":
      addIndex(layer, { text: value, kind: "simple", where, directory });
      return;
    case "--find-links":
      addIndex(layer, { text: value, kind: "links", where, directory });
      return;
    case "--no-index":
      layer.noIndex = true;
      return;
    case "--pre":
      layer.prerelease = "allow";
      return;
    case "--all-releases":
    case "--only-final":
      applyPrereleases(layer, name === "--all-releases" ? "allow" : "disallow", value, where);
      return;
    case "--no-binary":
      applyNoBinary(layer, value, where);
      return;
    case "--trusted-host":
      layer.insecureHosts = [...(layer.insecureHosts ?? []), value];
      return;
    case "--require-hashes":
      draft.hashChecking = "always";
      return;
    case "--no-require-hashes":
      draft.hashChecking = "never";
      return;
    // Wheels are all that is ever taken; features of pip's own working change no result.
    case "--only-binary":
    case "--prefer-binary":
    case "--use-feature":
    case "--config-settings":
      return;
    default:
      throw unsupportedSetting(where, name, "It is meant for building from source, and nothing is built.");
  }
}

/** @throws CambiumError `INDEX_SETTING_UNSUPPORTED` for `:all:`; `PROJECT_NAME`. */
export function applyNoBinary(layer: LayerDraft, value: string, where: string): void {
  for (const part of value.split(/[\s,]+/).filter((name) => name !== "")) {
    if (part === ":none:") layer.noBinary = [];
    else if (part === ":all:") {
      throw unsupportedSetting(
        where,
        "no-binary :all:",
        "Cambium takes wheels and builds nothing yet: leave it out.",
      );
    } else layer.noBinary = [...(layer.noBinary ?? []), parseProjectName(part, where)];
  }
}

/** pip's `--all-releases` and `--only-final`. */
export function applyPrereleases(
  layer: LayerDraft,
  mode: "allow" | "disallow",
  value: string,
  where: string,
): void {
  for (const part of value.split(/[\s,]+/).filter((name) => name !== "")) {
    if (part === ":all:") layer.prerelease = mode;
    else if (part === ":none:") {
      delete layer.prerelease;
      delete layer.prereleasePackages;
    } else layer.prereleasePackages = { ...layer.prereleasePackages, [parseProjectName(part, where)]: mode };
  }
}

function shownPath(path: string, contextDir: string): string {
  const shown = relative(contextDir, path);
  return shown === "" || shown.startsWith(`..${sep}`) ? path : shown.replaceAll(sep, "/");
}
