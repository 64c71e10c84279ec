import { canonicalJson } from "../../canonical-json.ts";
import type { UserOp } from "../../graph/definition.ts";
import { digestOf } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { type SourceEntry, segmentFromFiles } from "../../layer/files.ts";
import type { BlobWriter, Segment } from "../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { accounts } from "./generate/accounts.ts";
import { alternatives } from "./generate/alternatives.ts";
import { baseFiles } from "./generate/base-files.ts";
import { certificates } from "./generate/certificates.ts";
import { type DpkgInput, dpkgDatabase, hasDpkg } from "./generate/dpkg-database.ts";
import { symlink } from "./generate/entries.ts";
import { ldSoCache } from "./generate/ld-so-cache.ts";
import { network } from "./generate/network.ts";
import { pam } from "./generate/pam.ts";
import { pythonRuntime } from "./generate/python-runtime.ts";
import { readline } from "./generate/readline.ts";
import { rootLinks } from "./generate/root-links.ts";
import { shells } from "./generate/shells.ts";
import { timeZone } from "./generate/time-zone.ts";
import type { LockedDeb } from "./lock.ts";
import { openTree } from "./tree.ts";

/** The segment with dpkg's database. */
export const DPKG_SEGMENT = "debian-dpkg";

/**
 * What maintainer scripts and dpkg would have made, computed from the packages: one segment each for the system's own
 * files, the accounts, the certificates, the loader's cache and dpkg's database, since these change for different reasons.
 * A segment that would be empty is left out; equal files give equal segments.
 * @param input.debs all packages of the target with their segments
 * @param input.readFile content of a file of those segments by path, undefined if there is none
 * @throws CambiumError `USER_INVALID`, `CERTIFICATE_INVALID`, `SEGMENT_DUPLICATE`, `DEBIAN_CONTROL_SYNTAX`
 */
export function generateBase(
  input: {
    readonly debs: readonly { readonly deb: LockedDeb; readonly segment: Segment }[];
    readonly users: readonly UserOp[];
    readonly readFile: (path: string) => Uint8Array | undefined;
  } & Omit<DpkgInput, "debs">,
  blobs: BlobWriter,
): Segment[] {
  const { suite, architecture } = input;
  const segments = input.debs.map(({ segment }) => segment);
  const links = rootLinks(segments);
  const tree = openTree(segments, links, input.readFile);
  const system: SourceEntry[] = [
    ...[...links].map(([path, target]) => symlink(path, target)),
    ...baseFiles(tree),
    ...network(tree),
    ...shells(tree),
    ...timeZone(tree, suite),
    ...alternatives(tree),
    ...readline(tree),
    ...pythonRuntime(tree, suite),
    // Where packages are installed later; other images with PAM keep the bytes that they had.
    ...(hasDpkg(input.debs.map(({ deb }) => deb)) ? pam(tree) : []),
  ];
  const parts: readonly (readonly [name: string, entries: readonly SourceEntry[]])[] = [
    ["debian-system", system],
    ["debian-accounts", accounts(tree, input.users)],
    ["debian-certificates", certificates(tree)],
    ["debian-ld-cache", ldSoCache(tree, suite, architecture)],
    [DPKG_SEGMENT, dpkgDatabase(tree, input)],
  ];
  return parts
    .filter(([, entries]) => entries.length > 0)
    .map(([name, entries]) => generatedSegment(name, entries, blobs));
}

/** Identity by content: `source` is the digest of the entries with their content digests, as canonical JSON. */
function generatedSegment(name: string, entries: readonly SourceEntry[], blobs: BlobWriter): Segment {
  const described = entries.map((entry) =>
    entry.type === "file" ? { ...entry, content: digestOf(entry.content) } : entry,
  );
  const source = digestOf(canonicalJson(described));
  const recipe = {
    ecosystem: "generated",
    layoutVersion: name === DPKG_SEGMENT ? LAYOUT_VERSIONS.dpkg : LAYOUT_VERSIONS.base,
    source,
    options: { name },
  } as const;
  return segmentFromFiles({ recipe, name, key: name, mtimeSec: CONSTANT_MTIME, entries }, blobs);
}
