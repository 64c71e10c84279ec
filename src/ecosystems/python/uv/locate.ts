import { fileURLToPath } from "node:url";
import { parse } from "smol-toml";
import { CambiumError, usageError } from "../../../errors.ts";
import { stripCredentials } from "../index/credentials.ts";
import type { IndexSettings } from "../index/index-settings.ts";
import type { ChosenWheel } from "../lock.ts";
import { isTable } from "../requirements/toml-fields.ts";
import { parseRequirement } from "../standards/requirement.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import type { PythonTarget } from "../target.ts";
import { compileWithUv } from "./uv.ts";
import { openUvSession, type ResolveTools } from "./uv-session.ts";

/** Where an archive can be had; the URL is free of credentials and may be a `file:` one. */
export type ArchivePlace = { readonly url: string; readonly sizeBytes?: number };

/**
 * Finds the URLs of wheels whose lock has none (poetry.lock, a portable cambium.lock), by file name. uv is asked, since
 * it knows every kind of index and its own default: one run for all, exact versions, no dependencies.
 * @throws CambiumError `ARCHIVE_UNLOCATED` for a file that no index has; `DIGEST_INVALID` when an index has the name with
 * other bytes; `RESOLUTION_FAILED` when a version is gone; as `openUvSession`.
 */
export async function locateArchives(
  wheels: readonly ChosenWheel[],
  settings: IndexSettings,
  tools: ResolveTools,
): Promise<Map<string, ArchivePlace>> {
  const places = new Map<string, ArchivePlace>();
  if (wheels.length === 0) return places;
  const session = await openUvSession(tools, withIndexesOf(wheels, settings));
  await session.credentials.prepare(session.settings.indexes.map(({ url }) => url));
  const { pylock } = await compileWithUv(session, {
    requirements: wheels.map(({ name, version }) => ({
      requirement: parseRequirement(`${name}==${version}`, "the lock"),
      where: "the lock",
      hashes: [],
    })),
    constraints: [],
    overrides: [],
    target: oldestTarget(wheels),
    preferences: new Map(),
    withoutDependencies: true,
    isUniversal: true,
  });
  const offered = offeredFiles(pylock);
  for (const { name, version, wheel } of wheels) {
    const file = offered.get(wheel.filename);
    if (file === undefined) {
      throw new CambiumError(
        "ARCHIVE_UNLOCATED",
        `no index has the file ${wheel.filename} (${name} ${version})`,
        {
          hint: "Lock again, or name the index that has it (--index-url, uv or pip configuration).",
        },
      );
    }
    if (file.sha256 !== undefined && `sha256:${file.sha256}` !== wheel.sha256) {
      throw new CambiumError(
        "DIGEST_INVALID",
        `${wheel.filename}: the lock wants ${wheel.sha256}, the index has sha256:${file.sha256}`,
        { hint: "The index has another file under that name; lock again if that is meant to be." },
      );
    }
    places.set(wheel.filename, {
      url: file.url,
      ...(file.sizeBytes === undefined ? {} : { sizeBytes: file.sizeBytes }),
    });
  }
  return places;
}

/** A lock may say which index a release is from; those are asked for it alone. */
function withIndexesOf(wheels: readonly ChosenWheel[], settings: IndexSettings): IndexSettings {
  const indexes = [...settings.indexes];
  const sources: Record<string, readonly { index: string }[]> = {};
  for (const { name, index: written } of wheels) {
    if (written === undefined || settings.noIndex) continue;
    const url = stripCredentials(written);
    const same = (text: string) => text.replace(/\/+$/, "") === url.replace(/\/+$/, "");
    let index = indexes.find((candidate) => candidate.kind !== "links" && same(candidate.url));
    if (index === undefined) {
      const label = `lock-${indexes.length + 1}`;
      index = { name: label, url, kind: "simple", isDefault: false, isExplicit: true, where: "the lock" };
      indexes.unshift(index);
    }
    sources[name] = [{ index: index.name }];
  }
  return { ...settings, indexes, sources };
}

/**
 * Some target whose Python is the one that the wheels are for: uv leaves out files for older ones. Pure wheels do not
 * tell, and then any recent Python serves.
 */
function oldestTarget(wheels: readonly ChosenWheel[]): PythonTarget {
  const minors = wheels.flatMap(({ wheel }) => {
    const { pythonTags, abiTags } = parseWheelFilename(wheel.filename);
    return pythonTags.flatMap((tag) =>
      abiTags.includes(tag) ? Number(/^cp3(\d+)$/.exec(tag)?.[1] ?? Number.NaN) : [],
    );
  });
  const known = minors.filter((minor) => !Number.isNaN(minor));
  const minor = known.length === 0 ? 13 : Math.min(...known);
  return { version: `3.${minor}`, platform: { os: "linux", architecture: "amd64" }, glibc: [2, 36] };
}

type OfferedFile = { readonly url: string; readonly sha256?: string; readonly sizeBytes?: number };

/** Files of uv's answer by name. An index may tell no digest: the download is checked against the lock's anyway. */
function offeredFiles(pylock: string): Map<string, OfferedFile> {
  const files = new Map<string, OfferedFile>();
  const packages: unknown = parse(pylock).packages;
  for (const entry of Array.isArray(packages) ? packages.filter(isTable) : []) {
    const wheels: unknown = entry.wheels;
    for (const wheel of Array.isArray(wheels) ? wheels.filter(isTable) : []) {
      const { url, path, hashes, size } = wheel;
      const location = typeof url === "string" ? url : typeof path === "string" ? path : undefined;
      if (location === undefined) continue;
      const sha256 = isTable(hashes) ? hashes.sha256 : undefined;
      const clean = stripCredentials(location).replace(/#.*$/s, "");
      const name = typeof wheel.name === "string" ? wheel.name : fileName(clean);
      files.set(name, {
        url: clean,
        ...(typeof sha256 === "string" ? { sha256 } : {}),
        ...(typeof size === "number" ? { sizeBytes: size } : {}),
      });
    }
  }
  return files;
}

function fileName(location: string): string {
  try {
    const path = location.startsWith("file:")
      ? fileURLToPath(location)
      : decodeURIComponent(location.replace(/\?.*$/s, ""));
    return path.split(/[/\\]/).at(-1) ?? "";
  } catch (cause) {
    throw usageError("ARCHIVE_UNLOCATED", `not a location of a file: ${location}`, undefined, cause);
  }
}
