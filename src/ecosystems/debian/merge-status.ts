import { fieldOf, parseStanzas } from "./control.ts";
import type { Architecture } from "./lock.ts";

/**
 * dpkg's status database of an image with further packages: theirs replace the paragraphs of the same name in place,
 * the rest follows in the order of names, and every other paragraph stays as it is, byte for byte.
 * @param added paragraphs as dpkg writes them, with their Status field
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX`; `where` names the image.
 */
export function mergeStatus(
  status: string,
  added: readonly string[],
  architecture: Architecture,
  where: string,
): string {
  const fresh = new Map(added.map((text) => [packageOf(text, architecture, where).name, text.trimEnd()]));
  return statusText(paragraphsOf(status, architecture, where), fresh, new Set());
}

/** A package that two databases have in versions of their own. */
export type PackageConflict = { readonly name: string; readonly was: string; readonly is: string };

/**
 * Two databases as one, by package: what `added` has and `over`, from which it was made, had not or otherwise, comes over
 * what `below` has; what it took away of `over` goes.
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX`; `where` names the trees.
 */
export function uniteStatus(
  { below, added, over }: { readonly below: string; readonly added: string; readonly over: string },
  architecture: Architecture,
  where: string,
): { readonly text: string; readonly conflicts: readonly PackageConflict[] } {
  const ours = paragraphsOf(below, architecture, where);
  const before = byName(paragraphsOf(over, architecture, where));
  const theirs = byName(paragraphsOf(added, architecture, where));
  const present = byName(ours);
  const fresh = new Map<string, string>();
  const conflicts: PackageConflict[] = [];
  for (const [name, { text, version }] of theirs) {
    if (before.get(name)?.text === text) continue;
    fresh.set(name, text);
    const here = present.get(name);
    if (here !== undefined && here.version !== version && here.version !== before.get(name)?.version) {
      conflicts.push({ name, was: here.version, is: version });
    }
  }
  const gone = new Set(
    [...before].flatMap(([name, { text }]) =>
      !theirs.has(name) && present.get(name)?.text === text ? [name] : [],
    ),
  );
  return { text: statusText(ours, fresh, gone), conflicts };
}

type Paragraph = { readonly name: string; readonly version: string; readonly text: string };

function statusText(
  paragraphs: readonly Paragraph[],
  added: ReadonlyMap<string, string>,
  gone: ReadonlySet<string>,
): string {
  const rest = new Map(added);
  const kept = paragraphs.flatMap(({ name, text }) => {
    const replacement = rest.get(name);
    rest.delete(name);
    return gone.has(name) ? [] : [replacement ?? text];
  });
  const sorted = [...rest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return [...kept, ...sorted].map((text) => `${text}\n\n`).join("");
}

function paragraphsOf(status: string, architecture: Architecture, where: string): Paragraph[] {
  return status.split(/\n(?:[ \t]*\n)+/).flatMap((part) => {
    const text = part.replace(/^\n+|\n+$/g, "");
    return text.trim() === "" ? [] : [packageOf(text, architecture, where)];
  });
}

/** A package of a foreign architecture is another package of the same name. */
function packageOf(text: string, architecture: Architecture, where: string): Paragraph {
  const [stanza] = parseStanzas(text, `${where}: status`);
  const field = (name: string) => (stanza && fieldOf(stanza, name)) ?? "";
  const own = field("Architecture");
  const isForeign = own !== "" && own !== architecture && own !== "all";
  return {
    name: isForeign ? `${field("Package")}:${own}` : field("Package"),
    version: field("Version"),
    text,
  };
}

function byName(paragraphs: readonly Paragraph[]): Map<string, Paragraph> {
  return new Map(paragraphs.map((paragraph) => [paragraph.name, paragraph]));
}
