import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Digest, parseDigest } from "../../../layer/digest.ts";
import type { LockedArchive } from "../lock.ts";
import { redact } from "../standards/cursor.ts";
import { fieldError, type TomlFile } from "./toml.ts";

/** An archive as PEP 751 writes it; other formats are brought into this shape. */
export const ARCHIVE = z.object({
  name: z.string().optional(),
  url: z.string().optional(),
  path: z.string().optional(),
  size: z.int().nonnegative().optional(),
  hashes: z.record(z.string(), z.string()),
});
export type Archive = z.output<typeof ARCHIVE>;

/** Where an archive stands in its file, and what relative paths begin at. */
export type ArchivePlace = {
  readonly file: TomlFile;
  readonly path: readonly PropertyKey[];
  /** Absolute directory of the lock file; without it a relative path is an error. */
  readonly directory: string | undefined;
};

/**
 * One archive, checked: a plain file name, an http(s) URL without credentials or an absolute path, and a sha256.
 * @throws CambiumError `LOCK_FIELD`, `LOCK_HASH` through `fieldError`.
 */
export function lockedArchive(archive: Archive, place: ArchivePlace): LockedArchive {
  const wrong = (message: string, hint?: string) => fieldError(place.file, place.path, message, hint);
  const location = archiveLocation(archive, place);
  const filename = archive.name ?? lastPart(location.url ?? location.path) ?? "";
  if (!isFilename(filename)) throw wrong(`not a file name: ${JSON.stringify(redact(filename))}`);
  const sha256 = archive.hashes.sha256;
  if (sha256 === undefined) {
    const has = Object.keys(archive.hashes).join(", ") || "none";
    throw wrong(
      `${filename}: no sha256 among its hashes (has: ${has})`,
      "Lock again with a tool that writes sha256.",
    );
  }
  return {
    filename,
    ...location,
    sha256: sha256Digest(sha256, place),
    ...(archive.size === undefined ? {} : { sizeBytes: archive.size }),
  };
}

/** @throws CambiumError `LOCK_FIELD`. */
function sha256Digest(hex: string, place: Pick<ArchivePlace, "file" | "path">): Digest {
  const text = hex.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(text))
    throw fieldError(place.file, place.path, `not a sha256: ${JSON.stringify(hex)}`);
  return parseDigest(`sha256:${text}`, place.file.where);
}

function archiveLocation(archive: Archive, place: ArchivePlace): { url?: string; path?: string } {
  const { url, path } = archive;
  if (url !== undefined && !url.startsWith("file:")) {
    const clean = withoutCredentials(url);
    if (clean === undefined) {
      throw fieldError(
        place.file,
        place.path,
        `not an http, https or file URL: ${JSON.stringify(redact(url))}`,
      );
    }
    return { url: clean };
  }
  if (url !== undefined) {
    try {
      return { path: fileURLToPath(url) };
    } catch {
      throw fieldError(place.file, place.path, `not a file URL of this machine: ${JSON.stringify(url)}`);
    }
  }
  if (path === undefined) return {};
  if (place.directory === undefined) {
    throw fieldError(place.file, place.path, `a path where only URLs can be: ${JSON.stringify(path)}`);
  }
  return { path: resolve(place.directory, path) };
}

/** An http(s) URL without its user part and fragment; `undefined` for any other text. */
export function withoutCredentials(url: string): string | undefined {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  // Most URLs need no change, and then stand as written.
  if (parsed.username === "" && parsed.password === "" && parsed.hash === "") return url;
  parsed.username = "";
  parsed.password = "";
  parsed.hash = "";
  return parsed.href;
}

/** The last part of a URL's or a file's path, percent-decoded for URLs. */
function lastPart(location: string | undefined): string | undefined {
  if (location === undefined) return undefined;
  if (!/^https?:/i.test(location)) return location.split(/[\\/]/).at(-1);
  const part = new URL(location).pathname.split("/").at(-1)!;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function isFilename(text: string): boolean {
  return text.length <= 512 && /^[\w.+!@~-]+$/.test(text) && !/^\.+$/.test(text);
}
