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
  const nameOf = (paragraph: string) => {
    const [stanza] = parseStanzas(paragraph, `${where}: status`);
    const own = (stanza && fieldOf(stanza, "Architecture")) ?? architecture;
    // A package of a foreign architecture is another package of the same name.
    return own === architecture || own === "all" ? stanza && fieldOf(stanza, "Package") : undefined;
  };
  const fresh = new Map(added.map((paragraph) => [nameOf(paragraph), `${paragraph.trimEnd()}\n`]));
  const paragraphs: string[] = [];
  for (const part of status.split(/\n(?:[ \t]*\n)+/)) {
    if (part.trim() === "") continue;
    const name = nameOf(part);
    const replacement = fresh.get(name);
    if (name !== undefined) fresh.delete(name);
    paragraphs.push(replacement ?? `${part.replace(/^\n+|\n+$/g, "")}\n`);
  }
  const rest = [...fresh].sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)).map(([, paragraph]) => paragraph);
  return [...paragraphs, ...rest].map((paragraph) => `${paragraph}\n`).join("");
}
