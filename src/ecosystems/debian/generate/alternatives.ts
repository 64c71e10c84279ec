import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { symlink } from "./entries.ts";

/** A link under update-alternatives' care: `link → /etc/alternatives/name → path`. Paths without leading slash. */
type Link = { readonly link: string; readonly name: string; readonly path: string };
/** One way to provide a group, with the links that follow it. The highest priority that is there wins. */
type Choice = Link & { readonly priority: number; readonly followers: readonly Link[] };

function manual(section: number, name: string, page: string): Link {
  const link = `usr/share/man/man${section}/${name}.${section}.gz`;
  return { link, name: `${name}.${section}.gz`, path: `usr/share/man/man${section}/${page}.${section}.gz` };
}

/** The pages of debianutils' `which` in other languages. */
const WHICH_LANGUAGES = ["de", "es", "fr", "it", "ja", "pl", "sl"].map((language) => ({
  link: `usr/share/man/${language}/man1/which.1.gz`,
  name: `which.${language}1.gz`,
  path: `usr/share/man/${language}/man1/which.debianutils.1.gz`,
}));

function tool(name: string, path: string, priority: number, page?: Link): Choice {
  return { link: `usr/bin/${name}`, name, path, priority, followers: page === undefined ? [] : [page] };
}

/** `lib.so.3` of a numeric library, per architecture, as the libraries' postinsts register it. */
function numeric(tuple: string, library: string, folder: string, priority: number): Choice {
  const path = `usr/lib/${tuple}/${folder}/${library}`;
  return { link: `usr/lib/${tuple}/${library}`, name: `${library}-${tuple}`, path, priority, followers: [] };
}

const NUMERIC = ["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap((tuple) => [
  ...["libblas.so.3", "liblapack.so.3", "libopenblas.so.0"].flatMap((library) => [
    numeric(tuple, library, "openblas-pthread", 100),
    numeric(tuple, library, "openblas-openmp", 95),
    numeric(tuple, library, "openblas-serial", 90),
  ]),
  ...["libblas.so.3", "liblapack.so.3"].flatMap((library) => [
    numeric(tuple, library, "atlas", 35),
    numeric(tuple, library, library.startsWith("libblas") ? "blas" : "lapack", 10),
  ]),
]);

/** `nc` and `netcat` as each of their packages has them. */
function netcat(variant: string, page: string, priority: number): Choice {
  const path = `usr/bin/nc.${variant}`;
  return {
    ...tool("nc", path, priority),
    followers: [
      manual(1, "nc", page),
      { link: "usr/bin/netcat", name: "netcat", path },
      manual(1, "netcat", page),
    ],
  };
}

/** What the postinsts of the seed's packages register, and those of packages that images often add. */
const CHOICES: readonly Choice[] = [
  {
    ...tool("awk", "usr/bin/mawk", 5),
    followers: [
      manual(1, "awk", "mawk"),
      { link: "usr/bin/nawk", name: "nawk", path: "usr/bin/mawk" },
      manual(1, "nawk", "mawk"),
    ],
  },
  {
    ...tool("awk", "usr/bin/gawk", 10),
    followers: [
      manual(1, "awk", "gawk"),
      { link: "usr/bin/nawk", name: "nawk", path: "usr/bin/gawk" },
      manual(1, "nawk", "gawk"),
    ],
  },
  {
    ...tool("which", "usr/bin/which.debianutils", 0),
    followers: [manual(1, "which", "which.debianutils"), ...WHICH_LANGUAGES],
  },
  {
    link: "usr/sbin/rmt",
    name: "rmt",
    path: "usr/sbin/rmt-tar",
    priority: 50,
    followers: [manual(8, "rmt", "rmt-tar")],
  },
  { ...manual(7, "builtins", "bash-builtins"), priority: 10, followers: [] },
  tool("pager", "usr/bin/less", 77, manual(1, "pager", "less")),
  tool("pager", "usr/bin/more", 50, manual(1, "pager", "more")),
  tool("editor", "usr/bin/nano", 40, manual(1, "editor", "nano")),
  tool("pico", "usr/bin/nano", 10, manual(1, "pico", "nano")),
  { link: "usr/lib/cpp", name: "cpp", path: "usr/bin/cpp", priority: 10, followers: [] },
  tool("cc", "usr/bin/gcc", 20),
  tool("c++", "usr/bin/g++", 20),
  tool("c89", "usr/bin/c89-gcc", 20, manual(1, "c89", "c89-gcc")),
  tool("c99", "usr/bin/c99-gcc", 20, manual(1, "c99", "c99-gcc")),
  netcat("openbsd", "nc_openbsd", 50),
  netcat("traditional", "nc.traditional", 10),
  ...NUMERIC,
];

/**
 * What the packages' scripts write without /usr, in both suites, though /bin and /lib are links: the text of a link, and
 * what update-alternatives notes, stay the script's.
 */
const SPELLED: ReadonlyMap<string, string> = new Map(
  ["bin/more", "bin/nano", "bin/nc", "bin/nc.openbsd", "bin/nc.traditional", "bin/netcat", "lib/cpp"].map(
    (path) => [`usr/${path}`, `/${path}`],
  ),
);

/**
 * The links of update-alternatives in automatic mode. A follower is made only if its own target is there, as
 * update-alternatives does; its state files are part of dpkg's database.
 */
export function alternatives(tree: Tree): SourceEntry[] {
  const best = new Map<string, Choice>();
  for (const choice of presentChoices(tree)) {
    const other = best.get(choice.name);
    if (other === undefined || choice.priority > other.priority) best.set(choice.name, choice);
  }
  const entries: SourceEntry[] = [];
  for (const choice of best.values()) {
    for (const { link, name, path } of [choice, ...choice.followers]) {
      if (tree.resolve(path) === undefined || tree.entry(link) !== undefined) continue;
      entries.push(symlink(`etc/alternatives/${name}`, spelled(path)));
      entries.push(symlink(link, `/etc/alternatives/${name}`));
    }
  }
  return entries;
}

/**
 * The state that update-alternatives keeps per group, `[name, text]`: how it is chosen, the link, the followers by name;
 * then, by path, each choice with its priority and what it has for each follower, whether that is there or not.
 */
export function alternativesDatabase(tree: Tree): [name: string, text: string][] {
  const groups = Map.groupBy(presentChoices(tree), ({ name }) => name);
  return [...groups].map(([name, choices]) => {
    const followers = new Map(
      choices.flatMap((choice) => choice.followers.map((one) => [one.name, one.link])),
    );
    const names = [...followers.keys()].sort();
    const lines = [
      "auto",
      spelled(choices[0]!.link),
      ...names.flatMap((one) => [one, spelled(followers.get(one)!)]),
      "",
    ];
    for (const choice of choices.toSorted((a, b) => (spelled(a.path) < spelled(b.path) ? -1 : 1))) {
      const own = new Map(choice.followers.map((one) => [one.name, spelled(one.path)]));
      lines.push(spelled(choice.path), `${choice.priority}`, ...names.map((one) => own.get(one) ?? ""));
    }
    return [name, `${lines.join("\n")}\n\n`];
  });
}

function presentChoices(tree: Tree): Choice[] {
  return CHOICES.filter(({ path }) => tree.resolve(path) !== undefined);
}

function spelled(path: string): string {
  return SPELLED.get(path) ?? `/${path}`;
}
