import type { Suite } from "./lock.ts";
import type { Mirrors } from "./mirror.ts";
import { pocketsOf } from "./suites.ts";

/** A file for apt, `path` absolute. */
export type AptFile = { readonly path: string; readonly text: string };

/** Debian's cloud images have the lists of their mirrors here too. */
const LISTS = "/etc/apt/mirrors";

/**
 * apt's sources of a suite with its updates and security, and the lists of mirrors that they name: apt tries one after
 * the other. What apt writes down (names of its lists, its output) has the path of the list where other sources would put
 * a mirror's name, so that it is the same on every machine.
 * @param keyring a file of the image; undefined: all keys that its apt trusts
 * @returns nothing for a suite that is not known
 */
export function aptSources(codename: string, mirrors: Mirrors, keyring: string | undefined): AptFile[] {
  const suite = (["bookworm", "trixie"] as const satisfies readonly Suite[]).find((one) => one === codename);
  if (suite === undefined) return [];
  const pockets = Map.groupBy(pocketsOf(suite), ({ archive }) => archive);
  const stanzas = [...pockets].map(([archive, folders]) => {
    const lines = [
      "Types: deb",
      `URIs: mirror+file:${LISTS}/${archive}.list`,
      `Suites: ${folders.map(({ folder }) => folder).join(" ")}`,
      "Components: main",
      ...(keyring === undefined ? [] : [`Signed-By: ${keyring}`]),
    ];
    return lines.map((line) => `${line}\n`).join("");
  });
  const lists = [...pockets.keys()].map((archive) => ({
    path: `${LISTS}/${archive}.list`,
    text: mirrors[archive].map((root, index) => `${root}\tpriority:${index + 1}\n`).join(""),
  }));
  return [{ path: "/etc/apt/sources.list.d/lent.sources", text: stanzas.join("\n") }, ...lists];
}
