import { createHash } from "node:crypto";
import type { SourceEntry } from "../../../layer/files.ts";
import { controlTexts } from "../archive.ts";
import { fieldOf, parseStanzas } from "../control.ts";
import type { Architecture } from "../lock.ts";
import { isKeptPath, type KeptPart, mergedPath } from "../paths.ts";
import type { ShippedDeb, ShippedPath } from "../shipped.ts";
import type { Tree } from "../tree.ts";
import { statusParagraph } from "./dpkg-status.ts";
import { file } from "./entries.ts";

const INFO = "var/lib/dpkg/info";

/** What dpkg's database has of one package. */
export type DpkgRecord = {
  readonly name: string;
  /** With the architecture where several may be installed side by side: `libc6:amd64`. */
  readonly infoName: string;
  readonly paragraph: string;
  readonly info: readonly SourceEntry[];
  /** Its paths as shipped, without a leading slash, those that are in the image. */
  readonly listed: ReadonlySet<string>;
  /** Triggers that it waits for: a path or a name, and whether who sets one off waits too. */
  readonly interests: readonly { readonly trigger: string; readonly isAwaited: boolean }[];
};

/**
 * The record of a package as if dpkg had unpacked and configured it, under merged /usr and without the parts that the
 * image leaves out: lists have paths as they were shipped, which is what dpkg compares later versions with, but only those
 * that are in the image, and so have the checksums.
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX`; `where` names the package
 */
export function dpkgRecord(
  shipped: ShippedDeb,
  tree: Tree,
  architecture: Architecture,
  keep: ReadonlySet<KeptPart>,
  where: string,
): DpkgRecord {
  const texts = controlTexts(shipped.control);
  const control = texts.get("control") ?? "";
  const [stanza = new Map()] = parseStanzas(control, where);
  const name = fieldOf(stanza, "Package") ?? "";
  const infoName = fieldOf(stanza, "Multi-Arch") === "same" ? `${name}:${architecture}` : name;
  const listed = listedPaths(shipped.paths, keep);
  const info = shipped.control.flatMap(({ name: member, mode, content }): SourceEntry[] => {
    if (member === "control") return [];
    const path = `${INFO}/${infoName}.${member}`;
    if (member !== "md5sums") return [file(path, content, { mode: mode & 0o755 })];
    return [file(path, keptSums(texts.get(member) ?? "", listed))];
  });
  return {
    ...{ name, infoName, listed },
    paragraph: statusParagraph(control, conffilesOf(texts.get("conffiles") ?? "", tree), where),
    info: [file(`${INFO}/${infoName}.list`, [".", ...listed].map((path) => `/${path}\n`).join("")), ...info],
    interests: interestsOf(texts.get("triggers") ?? ""),
  };
}

/** A directory is in the image if it was kept or something below it was. */
function listedPaths(paths: readonly ShippedPath[], keep: ReadonlySet<KeptPart>): Set<string> {
  const parents = new Set<string>();
  const isKept = ({ path, type }: ShippedPath) =>
    isKeptPath(mergedPath(path, type === "symlink"), type === "directory", keep);
  for (const one of paths) {
    if (one.type === "directory" || !isKept(one)) continue;
    for (let at = one.path.lastIndexOf("/"); at > 0; at = one.path.lastIndexOf("/", at - 1))
      parents.add(one.path.slice(0, at));
  }
  return new Set(paths.filter((one) => isKept(one) || parents.has(one.path)).map(({ path }) => path));
}

function keptSums(text: string, listed: ReadonlySet<string>): string {
  const lines = text.split("\n").filter((line) => listed.has(line.slice(34).replace(/^\.?\//, "")));
  return lines.map((line) => `${line}\n`).join("");
}

/** Of each conffile that is there. Those that an upgrade is to remove (`remove-on-upgrade PATH`) are not. */
function conffilesOf(text: string, tree: Tree): [path: string, md5: string][] {
  return text.split("\n").flatMap((line): [string, string][] => {
    const path = line.trim();
    const content = path.startsWith("/") ? tree.read(mergedPath(path.slice(1), false)) : undefined;
    return content === undefined ? [] : [[path, createHash("md5").update(content).digest("hex")]];
  });
}

/** `interest[-await|-noawait] TRIGGER`, see deb-triggers(5); what a package sets off itself is in nobody's database. */
function interestsOf(text: string): DpkgRecord["interests"] {
  return text.split("\n").flatMap((line) => {
    const [, kind, trigger] = /^\s*(interest(?:-await|-noawait)?)\s+(\S+)\s*$/.exec(line) ?? [];
    return kind === undefined || trigger === undefined
      ? []
      : [{ trigger, isAwaited: kind !== "interest-noawait" }];
  });
}
