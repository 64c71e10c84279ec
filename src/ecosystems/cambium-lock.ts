import { z } from "zod";
import { usageError } from "../errors.ts";
import { type Digest, parseDigest } from "../layer/digest.ts";
import type { DebianLock, LockedDeb } from "./debian/lock.ts";
import { type LockedBase, lockedBaseLines, lockedBaseSchema, readLockedBase } from "./locked-base.ts";
import {
  type LockedSources,
  lockedSourcesLines,
  lockedSourcesShape,
  readLockedSources,
} from "./locked-sources.ts";
import type { UniversalDistribution, UniversalLock } from "./python/choice/universal-lock.ts";
import type { DirectUrl, LockedArchive, PythonLock } from "./python/lock.ts";
import { withoutCredentials } from "./python/locks/archive.ts";
import { checkShape, fieldError, readToml, type TomlFile } from "./python/locks/toml.ts";
import { parseProjectName } from "./python/name.ts";
import { parseMarker } from "./python/standards/marker.ts";
import { parseSpecifier } from "./python/standards/specifier.ts";
import { normalizeVersion } from "./python/standards/version.ts";

/** What `cambium.lock` holds. Universal: each target takes its own part (docs/formats, cambium.lock). */
export type CambiumLock = LockedPackages & {
  readonly version: 1;
  /** Packages of stages that have their own, by the stage's name. */
  readonly stages?: Readonly<Record<string, LockedPackages>>;
  readonly sources?: LockedSources;
};

/** The packages of one image. */
export type LockedPackages = {
  /** Digest of the definitions that the lock was made for; another one means that the lock is stale. */
  readonly inputs: Digest;
  /** Absent on the computed Debian. */
  readonly base?: LockedBase;
  readonly debian?: DebianLock;
  readonly python?: Omit<UniversalLock, "notices">;
};

const HINT = "Run `cambium lock` to write the file anew.";

const DIGEST = z.string().regex(/^sha256:[0-9a-f]{64}$/, "not a digest (sha256: and 64 hex digits)");

const ARCHIVE = z.strictObject({
  name: z.string().regex(/^[\w.+!@~-]{1,512}$/, "not a file name"),
  url: z.string().optional(),
  size: z.int().nonnegative().optional(),
  sha256: z.string(),
});

const DISTRIBUTION = z.strictObject({
  name: z.string(),
  version: z.string(),
  marker: z.string().optional(),
  "requires-python": z.string().optional(),
  index: z.string().optional(),
  "needs-build": z.string().optional(),
  "direct-url": z.looseObject({ url: z.string() }).optional(),
  "allowed-hashes": z.array(DIGEST).optional(),
  sdist: ARCHIVE.optional(),
  wheels: z.array(ARCHIVE),
});

const DEB = z.strictObject({
  // Debian Policy 5.6.1, 5.6.12.
  name: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, "not a package name"),
  version: z.string().regex(/^[\w.+~:-]+$/, "not a version"),
  architecture: z.enum(["all", "amd64", "arm64"]),
  archive: z.enum(["debian", "debian-security"]),
  path: z.string().regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))pool\/[\w.+~:%/-]+$/, "not a path below pool/"),
  size: z.int().nonnegative(),
  sha256: z.string(),
});

const PACKAGES = z.strictObject({
  inputs: DIGEST,
  base: lockedBaseSchema.optional(),
  debian: z
    .strictObject({
      suite: z.enum(["bookworm", "trixie"]),
      variant: z.enum(["standard", "distroless", "none"]),
      packages: z.array(DEB.shape.name),
      targets: z.partialRecord(z.enum(["amd64", "arm64"]), z.strictObject({ packages: z.array(DEB) })),
    })
    .optional(),
  python: z
    .strictObject({
      inputs: DIGEST.optional(),
      "requires-python": z.string().optional(),
      environments: z.array(z.string()).optional(),
      "default-groups": z.array(z.string()).optional(),
      distributions: z.array(DISTRIBUTION).optional(),
    })
    .optional(),
});

const LOCK = z.strictObject({
  version: z.literal(1),
  ...PACKAGES.shape,
  ...lockedSourcesShape,
  stages: z.record(z.string().regex(/^[A-Za-z][\w.-]*$/, "not a stage's name"), PACKAGES).optional(),
});

/**
 * Reads `cambium.lock`.
 * @throws CambiumError `LOCK_SYNTAX` (file, line, column), `LOCK_VERSION` for one of a newer Cambium, `LOCK_FIELD`,
 * `LOCK_CREDENTIALS` for a URL with a user part.
 */
export function readCambiumLock(text: string, where: string): CambiumLock {
  const file = readToml(text, where);
  const { version } = file.table;
  if (version !== 1) {
    const isNewer = typeof version === "number" && version > 1;
    throw usageError(
      "LOCK_VERSION",
      `${where}: version ${JSON.stringify(version) ?? "missing"}, where this Cambium reads version 1`,
      isNewer ? "Upgrade Cambium, or write the file anew with `cambium lock`." : HINT,
    );
  }
  const lock = checkShape(file, LOCK, HINT);
  const sources = readLockedSources(lock, where);
  if (sources !== undefined) assertPlainUrls(sources, where);
  const stages = Object.entries(lock.stages ?? {});
  return {
    version: 1,
    ...readPackages(lock, file, []),
    ...(sources !== undefined && { sources }),
    ...(stages.length > 0 && {
      stages: Object.fromEntries(
        stages.map(([name, part]) => [name, readPackages(part, file, ["stages", name])]),
      ),
    }),
  };
}

function assertPlainUrls({ http, git }: LockedSources, where: string): void {
  for (const { url } of [...http, ...git]) assertNoCredentials(url, where);
}

/** @param above where the part stands in the file */
function readPackages(
  part: z.output<typeof PACKAGES>,
  file: TomlFile,
  above: readonly PropertyKey[],
): LockedPackages {
  const where = above.length === 0 ? file.where : `${file.where}: ${above.join(".")}`;
  return {
    inputs: parseDigest(part.inputs, `${where}: inputs`),
    ...(part.base === undefined ? {} : { base: readLockedBase(part.base, `${where}: base`) }),
    ...(part.debian === undefined ? {} : { debian: readDebian(part.debian, file, above) }),
    ...(part.python === undefined ? {} : { python: readPython(part.python, file, above) }),
  };
}

function readDebian(
  part: NonNullable<z.output<typeof PACKAGES>["debian"]>,
  file: TomlFile,
  above: readonly PropertyKey[],
): DebianLock {
  const targets: Record<string, LockedDeb[]> = {};
  for (const [target, { packages }] of Object.entries(part.targets)) {
    targets[target] = packages.map(({ size, sha256, ...deb }, i) => {
      const path = [...above, "debian", "targets", target, "packages", i, "sha256"];
      return { ...deb, sizeBytes: size, sha256: readSha256(sha256, file, path) };
    });
  }
  return { suite: part.suite, variant: part.variant, packages: part.packages, targets };
}

function readPython(
  part: NonNullable<z.output<typeof PACKAGES>["python"]>,
  file: TomlFile,
  above: readonly PropertyKey[],
): UniversalLock {
  const { where } = file;
  const requiresPython = part["requires-python"];
  if (requiresPython !== undefined) parseSpecifier(requiresPython, where);
  for (const marker of part.environments ?? []) parseMarker(marker, where);
  const distributions = (part.distributions ?? []).map((one, i) =>
    readDistribution(one, file, [...above, "python", "distributions", i]),
  );
  return {
    ...(part.inputs === undefined ? {} : { inputs: parseDigest(part.inputs, where) }),
    ...(requiresPython === undefined ? {} : { requiresPython }),
    ...(part.environments === undefined ? {} : { environments: part.environments }),
    ...(part["default-groups"] === undefined ? {} : { defaultGroups: part["default-groups"] }),
    distributions,
  };
}

function readDistribution(
  one: z.output<typeof DISTRIBUTION>,
  file: TomlFile,
  path: readonly PropertyKey[],
): UniversalDistribution {
  const where = `${file.where}: ${one.name}`;
  const {
    marker,
    index,
    "requires-python": requiresPython,
    "direct-url": directUrl,
    "needs-build": needsBuild,
  } = one;
  if (marker !== undefined) parseMarker(marker, where);
  if (requiresPython !== undefined) parseSpecifier(requiresPython, where);
  if (index !== undefined) assertNoCredentials(index, where);
  const archive = (input: z.output<typeof ARCHIVE>, key: PropertyKey[]): LockedArchive => {
    if (input.url !== undefined && withoutCredentials(input.url) === undefined) {
      throw fieldError(file, [...path, ...key, "url"], "not an http or https URL", HINT);
    }
    if (input.url !== undefined) assertNoCredentials(input.url, where);
    return {
      filename: input.name,
      ...(input.url === undefined ? {} : { url: input.url }),
      sha256: readSha256(input.sha256, file, [...path, ...key, "sha256"]),
      ...(input.size === undefined ? {} : { sizeBytes: input.size }),
    };
  };
  return {
    name: parseProjectName(one.name, file.where),
    version: normalizeVersion(one.version, where),
    ...(marker === undefined ? {} : { marker }),
    ...(requiresPython === undefined ? {} : { requiresPython }),
    ...(index === undefined ? {} : { index }),
    ...(needsBuild === undefined ? {} : { needsBuild }),
    ...(directUrl === undefined ? {} : { directUrl: checkedDirectUrl(directUrl, where) }),
    ...(one["allowed-hashes"] === undefined
      ? {}
      : { allowedHashes: one["allowed-hashes"].map((hash) => parseDigest(hash, where)) }),
    ...(one.sdist === undefined ? {} : { sdist: archive(one.sdist, ["sdist"]) }),
    wheels: one.wheels.map((wheel, k) => archive(wheel, ["wheels", k])),
  };
}

function checkedDirectUrl(directUrl: DirectUrl, where: string): DirectUrl {
  assertNoCredentials(directUrl.url, where);
  return directUrl;
}

function readSha256(hex: string, file: TomlFile, path: readonly PropertyKey[]): Digest {
  if (/^[0-9a-f]{64}$/.test(hex)) return parseDigest(`sha256:${hex}`, file.where);
  throw fieldError(file, path, `not a sha256: ${JSON.stringify(hex)}`, HINT);
}

/**
 * What may stand in a lock: http(s) without a user part, or another scheme without one (`git+ssh://git@host` names no
 * secret, but the lock keeps it out all the same).
 * @throws CambiumError `LOCK_CREDENTIALS`; the URL itself is not shown.
 */
function assertNoCredentials(url: string, where: string): void {
  const isHttp = /^https?:/i.test(url);
  if (isHttp ? withoutCredentials(url) === url : !/:\/\/[^/]*@/.test(url)) return;
  throw usageError(
    "LOCK_CREDENTIALS",
    `${where}: a URL with credentials or a fragment cannot stand in cambium.lock`,
    "Keep credentials in .netrc or in the settings of pip or uv.",
  );
}

/**
 * The text of a lock: sorted, one archive or package a line, the same for equal locks. Local paths are left out;
 * `urls: false` leaves out where archives and indexes are, too, so that any mirror can serve them.
 * @throws CambiumError `LOCK_CREDENTIALS`.
 */
export function writeCambiumLock(lock: CambiumLock, options: { readonly urls: boolean }): string {
  const lines = [
    "# Written by `cambium lock`, and only by it. It belongs into version control.",
    "version = 1",
    ...packagesLines(lock, "", options.urls),
  ];
  for (const [name, part] of Object.entries(lock.stages ?? {}).sort(([a], [b]) => compareText(a, b))) {
    const table = `stages.${/^[\w-]+$/.test(name) ? name : toml(name)}`;
    lines.push("", `[${table}]`, ...packagesLines(part, `${table}.`, options.urls));
  }
  if (lock.sources !== undefined) {
    assertPlainUrls(lock.sources, "sources");
    lines.push(...lockedSourcesLines(lock.sources, toml));
  }
  return `${lines.join("\n")}\n`;
}

/** @param above what stands before the names of tables */
function packagesLines(
  { inputs, base, debian, python }: LockedPackages,
  above: string,
  urls: boolean,
): string[] {
  const lines = [`inputs = ${toml(inputs)}`];
  if (base !== undefined) lines.push(...lockedBaseLines(base, toml, above));
  if (debian !== undefined) writeDebian(debian, lines, above);
  if (python !== undefined) writePython(python, lines, urls, above);
  return lines;
}

function writeDebian(debian: DebianLock, lines: string[], above: string): void {
  lines.push("", `[${above}debian]`, `suite = ${toml(debian.suite)}`, `variant = ${toml(debian.variant)}`);
  lines.push(`packages = ${toml([...debian.packages].sort(compareText))}`);
  for (const target of Object.keys(debian.targets).sort()) {
    lines.push("", `[${above}debian.targets.${target}]`);
    const debs = [...debian.targets[target]!].sort(
      (a, b) => compareText(a.name, b.name) || compareText(a.architecture, b.architecture),
    );
    const texts = debs.map(({ name, version, architecture, archive, path, sizeBytes, sha256 }) =>
      toml({ name, version, architecture, archive, path, size: sizeBytes, sha256: sha256.slice(7) }),
    );
    pushList(lines, "packages", texts);
  }
}

function writePython(
  python: PythonLock & UniversalLock,
  lines: string[],
  urls: boolean,
  above: string,
): void {
  lines.push("", `[${above}python]`);
  const add = (key: string, value: unknown) => {
    if (value !== undefined) lines.push(`${key} = ${toml(value)}`);
  };
  add("inputs", python.inputs);
  add("requires-python", python.requiresPython);
  add("environments", python.environments);
  add("default-groups", python.defaultGroups);
  const order = (a: UniversalDistribution, b: UniversalDistribution) =>
    compareText(a.name, b.name) ||
    compareText(a.version, b.version) ||
    compareText(a.marker ?? "", b.marker ?? "");
  for (const one of [...python.distributions].sort(order)) {
    const where = `${one.name} ${one.version}`;
    lines.push("", `[[${above}python.distributions]]`);
    add("name", one.name);
    add("version", one.version);
    add("marker", one.marker);
    add("requires-python", one.requiresPython);
    if (one.index !== undefined) assertNoCredentials(one.index, where);
    if (urls) add("index", one.index);
    add("needs-build", one.needsBuild);
    // A direct URL is what the release is, not only where it is found.
    add("direct-url", one.directUrl && checkedDirectUrl(one.directUrl, where));
    add("allowed-hashes", one.allowedHashes && [...one.allowedHashes].sort());
    const archive = (input: LockedArchive) => {
      if (input.url !== undefined) assertNoCredentials(input.url, where);
      const url = urls ? input.url : undefined;
      return toml({ name: input.filename, url, size: input.sizeBytes, sha256: input.sha256.slice(7) });
    };
    if (one.sdist !== undefined) lines.push(`sdist = ${archive(one.sdist)}`);
    const wheels = [...one.wheels].sort((a, b) => compareText(a.filename, b.filename)).map(archive);
    pushList(lines, "wheels", wheels);
  }
}

/** A list with a line for each item, so that a review shows what changed. */
function pushList(lines: string[], key: string, items: readonly string[]): void {
  if (items.length === 0) lines.push(`${key} = []`);
  else lines.push(`${key} = [`, ...items.map((item) => `  ${item},`), "]");
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A TOML 1.0 value on one line. Tables keep the order of their keys. */
function toml(value: unknown): string {
  // JSON's escapes are TOML's, but for DEL, which TOML forbids unescaped.
  if (typeof value === "string") return JSON.stringify(value.toWellFormed()).replaceAll("\u007f", "\\u007f");
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value !== "object" || value === null) throw new TypeError(`no TOML value: ${String(value)}`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return "{}";
  const texts = members.map(([key, member]) => `${/^[\w-]+$/.test(key) ? key : toml(key)} = ${toml(member)}`);
  return `{ ${texts.join(", ")} }`;
}
