import type { ImageTree } from "../../image/image-tree.ts";
import type { WantedFile } from "../../layer/listing.ts";
import { fieldOf, parseStanzas, type Stanza } from "./control.ts";
import type { Architecture } from "./lock.ts";
import { parseDependencies } from "./name.ts";
import type { DebPackage } from "./package.ts";

/** A package that an image has, as its status database says. */
export type InstalledDeb = {
  readonly name: string;
  readonly version: string;
  /** `all` or the image's. */
  readonly architecture: string;
  readonly stanza: Stanza;
};

const STATUS = "var/lib/dpkg/status";
/** Images without dpkg have a file per package here, for scanners. */
const STATUS_FOLDER = "var/lib/dpkg/status.d";
/** 600 packages come to 700 KB. */
const MAX_STATUS_BYTES = 32 << 20;
const MAX_STANZA_BYTES = 1 << 20;

/** Files that `installedDebs` reads. */
export function wantedStatus(path: string): WantedFile | undefined {
  if (path === STATUS) return { maxBytes: MAX_STATUS_BYTES };
  const isStanza = path.startsWith(`${STATUS_FOLDER}/`) && !path.endsWith(".md5sums");
  return isStanza ? { maxBytes: MAX_STANZA_BYTES } : undefined;
}

/**
 * The installed packages of an image for its own architecture, sorted by name; packages of a foreign architecture and
 * those removed but for their configuration do not count. Where dpkg is installed its database alone tells: the files
 * beside it, which layers of packages have for scanners, stay when dpkg removes or upgrades a package.
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX`; `where` names the image.
 */
export function installedDebs(tree: ImageTree, architecture: Architecture, where: string): InstalledDeb[] {
  const found = new Map<string, InstalledDeb>();
  const read = (path: string): void => {
    const text = wantedStatus(path) === undefined ? undefined : tree.text(path);
    for (const stanza of text === undefined ? [] : parseStanzas(text, `${where}: ${path}`)) {
      const deb = installedDeb(stanza, architecture, path === STATUS);
      if (deb !== undefined && !found.has(deb.name)) found.set(deb.name, deb);
    }
  };
  read(STATUS);
  if (!found.has("dpkg")) for (const name of tree.list(STATUS_FOLDER)) read(`${STATUS_FOLDER}/${name}`);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** In `status.d` a stanza is there because its package is; many have no Status field. */
function installedDeb(
  stanza: Stanza,
  architecture: Architecture,
  isStatus: boolean,
): InstalledDeb | undefined {
  const [name, version] = [fieldOf(stanza, "Package"), fieldOf(stanza, "Version")];
  const own = fieldOf(stanza, "Architecture") ?? architecture;
  const status = fieldOf(stanza, "Status") ?? (isStatus ? "" : "install ok installed");
  if (!name || !version || (own !== architecture && own !== "all")) return undefined;
  return status.endsWith(" installed") ? { name, version, architecture: own, stanza } : undefined;
}

/** An installed package with its relations. @throws CambiumError `DEBIAN_DEPENDENCY_SYNTAX`. */
export function presentPackage({ name, version, stanza }: InstalledDeb): DebPackage {
  const groups = (field: string) =>
    parseDependencies(
      (fieldOf(stanza, field) ?? "").replaceAll("\n", " "),
      `installed package ${name}: ${field}`,
    );
  return {
    deb: { name, version },
    depends: [...groups("Pre-Depends"), ...groups("Depends")],
    provides: groups("Provides").flat(),
    conflicts: [...groups("Conflicts"), ...groups("Breaks")].flat(),
  };
}
