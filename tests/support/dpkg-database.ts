import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const ADMIN = "var/lib/dpkg";

/** dpkg's database of a root folder, so that two can be compared. */
export type DpkgFacts = {
  /** Paragraphs by package. */
  readonly status: ReadonlyMap<string, string>;
  /** `<package>.<member>` with mode and content. */
  readonly info: ReadonlyMap<string, { readonly mode: number; readonly text: string }>;
  /** Files of `alternatives` and `triggers`, lines of the latter sorted, and `diversions`, those of manual pages aside. */
  readonly rest: ReadonlyMap<string, string>;
};

export function dpkgFacts(root: string): DpkgFacts {
  const read = (path: string) => readFileSync(join(root, ADMIN, path), "latin1");
  const names = (folder: string) => readdirSync(join(root, ADMIN, folder)).sort();
  const paragraphs = read("status")
    .split("\n\n")
    .filter((text) => text.trim() !== "");
  const status = paragraphs.map((text) => [/^Package: (.*)$/m.exec(text)?.[1] ?? "", text.trim()] as const);
  const info = names("info").map((name) => {
    const path = `info/${name}`;
    return [name, { mode: statSync(join(root, ADMIN, path)).mode & 0o7777, text: read(path) }] as const;
  });
  const sorted = (text: string) => text.split("\n").sort().join("\n");
  const rest: (readonly [string, string])[] = [
    ["diversions", sorted(diversionsOf(read("diversions")))],
    ...names("alternatives").map((name) => [`alternatives/${name}`, read(`alternatives/${name}`)] as const),
    ...names("triggers").map((name) => [`triggers/${name}`, sorted(read(`triggers/${name}`))] as const),
  ];
  return { status: new Map(status), info: new Map(info), rest: new Map(rest) };
}

/** A line for each, which has three in the file. */
function diversionsOf(text: string): string {
  return text.replace(/(.*)\n(.*)\n(.*)\n/g, "$1 $2 $3\n").replace(/^\/usr\/share\/man\/.*\n/gm, "");
}

/** The package that a file of `info` belongs to. */
export function packageOfInfo(name: string): string {
  return name.slice(0, name.lastIndexOf(".")).replace(/:.*/, "");
}
