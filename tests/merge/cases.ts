import type { HandMade } from "../support/layers.ts";

/** Which images meet, and how: by number. */
export type Meeting =
  | number
  | { readonly merge: readonly Meeting[] }
  | { readonly diff: readonly [Meeting, Meeting] };

export type MergeCase = {
  readonly name: string;
  /** Images by their layers. */
  readonly images: readonly (readonly (readonly HandMade[])[])[];
  readonly meeting: Meeting;
  /** Paths where BuildKit has something else, on purpose, and why. */
  readonly differs?: Readonly<Record<string, string>>;
};

const directory = (path: string, mode = 0o755, owner = 0): HandMade => ({
  path,
  directory: true,
  mode,
  owner,
});
const file = (path: string, text: string, mode = 0o644, owner = 0): HandMade => ({
  ...{ path, file: text, mode, owner },
});
const gone = (path: string): HandMade => file(path.replace(/([^/]+)$/, ".wh.$1"), "", 0);
const opaque = (path: string): HandMade => file(`${path}/.wh..wh..opq`, "", 0);
const link = (path: string, target: string): HandMade => ({ path, link: target });
const same = (path: string, target: string): HandMade => ({ path, hardlink: target });

/** A root as distributions have it. */
const ROOT: readonly HandMade[] = [
  directory("etc"),
  file("etc/conf", "first"),
  link("lib", "usr/lib"),
  directory("root", 0o700),
  file("root/profile", "profile"),
  directory("tmp", 0o1777),
  directory("usr"),
  directory("usr/lib"),
  file("usr/lib/a", "a"),
  file("usr/lib/b", "b"),
  same("usr/lib/b.twin", "usr/lib/b"),
  directory("var"),
  directory("var/spool", 0o2775, 8),
  file("var/spool/one", "1", 0o600, 8),
  file("var/spool/two", "2", 0o4755, 8),
];
const other = (path: string, text: string): readonly HandMade[] => [
  ...path
    .split("/")
    .slice(0, -1)
    .map((_, depth, parts) => directory(parts.slice(0, depth + 1).join("/"))),
  file(path, text),
];
const capability = "\x01\x00\x00\x02\x00\x20".padEnd(20, "\x00");

const both: Meeting = { merge: [0, 1] };
/** What the second image changed, laid over the third. */
const moved: Meeting = { merge: [2, { diff: [0, 1] }] };

/** Another root that the differences of the first are laid over. */
const TARGET: readonly HandMade[] = [
  directory("etc"),
  file("etc/conf", "other"),
  file("etc/own", "own"),
  directory("root", 0o750),
  directory("usr"),
  directory("usr/lib", 0o775, 3),
  file("usr/lib/a", "a"),
  file("usr/lib/mine", "mine"),
  directory("var"),
  directory("var/spool"),
  file("var/spool/one", "theirs"),
  file("var/spool/kept", "kept"),
];

/** Changes on `ROOT`, each a layer: laid on it as they are, and compared as trees. */
const CHANGES: readonly (readonly [name: string, layers: readonly (readonly HandMade[])[]])[] = [
  ["a new file", [[directory("etc"), file("etc/new", "new")]]],
  ["a changed file", [[directory("etc"), file("etc/conf", "second", 0o640, 5)]]],
  ["a deleted file", [[directory("var"), directory("var/spool", 0o2775, 8), gone("var/spool/one")]]],
  ["a deleted directory", [[directory("var"), gone("var/spool")]]],
  [
    "a directory that is made anew",
    [[directory("var"), directory("var/spool", 0o755), opaque("var/spool"), file("var/spool/new", "n")]],
  ],
  ["a file for a directory", [[directory("var"), file("var/spool", "file")]]],
  ["a directory for a file", [[directory("etc"), directory("etc/conf"), file("etc/conf/deep", "d")]]],
  ["a directory's mode and owner", [[directory("var"), directory("var/spool", 0o711, 9)]]],
  [
    "names of one file",
    [[directory("usr"), directory("usr/lib"), file("usr/lib/x", "x"), same("usr/lib/y", "usr/lib/x")]],
  ],
  [
    "capabilities and set-user-id",
    [
      [
        directory("usr"),
        { path: "usr/ping", file: "p", mode: 0o4755, xattrs: { "security.capability": capability } },
      ],
    ],
  ],
  [
    "a file that comes and goes",
    [
      [directory("etc"), file("etc/brief", "x"), file("etc/stays", "y")],
      [directory("etc"), gone("etc/brief")],
    ],
  ],
  ["a link instead of a file", [[directory("etc"), link("etc/conf", "../var/spool/one")]]],
];

const KEPT = "a directory that the difference does not change is as in the base";
const EMPTIED = "the opaque directory hides what the base has, as it does where engines unpack the layer";
/** Where differences land elsewhere. */
const DIFFERS: Readonly<Record<string, MergeCase["differs"]>> = {
  "a deleted file": { "var/spool": KEPT },
  "a directory that is made anew": { "var/spool/kept": EMPTIED },
  "names of one file": { "usr/lib": KEPT },
};

export const CASES: readonly MergeCase[] = [
  { name: "trees that do not touch", images: [[ROOT], [other("opt/app/x", "x")]], meeting: both },
  { name: "equal files", images: [[ROOT], [other("usr/lib/a", "a")]], meeting: both },
  { name: "files that differ", images: [[ROOT], [other("etc/conf", "second")]], meeting: both },
  {
    name: "a directory that only holds something",
    images: [[ROOT], [other("tmp/x", "x")]],
    meeting: both,
    differs: { tmp: "a plain directory keeps the mode of what it is laid over" },
  },
  {
    name: "a directory that is meant",
    images: [[ROOT], [[directory("var"), directory("var/spool", 0o700, 7), file("var/spool/x", "x")]]],
    meeting: both,
  },
  {
    name: "a layer that says nothing of its directories",
    images: [[ROOT], [[file("root/x", "x"), file("tmp/y", "y")]]],
    meeting: both,
    differs: {
      root: "BuildKit makes the directory anew, 0755 and root's",
      tmp: "BuildKit makes the directory anew, 0755 and root's",
    },
  },
  {
    name: "a path through a link",
    images: [[ROOT], [[directory("lib"), file("lib/x", "x")]]],
    meeting: both,
    differs: {
      lib: "BuildKit puts a directory in the place of the link",
      "lib/x": "it is behind the link",
      "usr/lib/x": "it is behind the link",
    },
  },
  {
    name: "a file over a directory",
    images: [[ROOT], [[directory("var"), file("var/spool", "file")]]],
    meeting: both,
  },
  { name: "a directory over a file", images: [[ROOT], [other("etc/conf/x", "x")]], meeting: both },
  {
    name: "what the layers of the second delete",
    images: [[ROOT], [other("etc/brief", "x"), [directory("etc"), gone("etc/brief"), gone("etc/conf")]]],
    meeting: both,
    differs: {
      "etc/conf": "BuildKit forgets deletions of what the image itself never had, as a pulled difference's",
    },
  },
  {
    name: "names of one file over others",
    images: [[ROOT], [[...other("usr/lib/b", "b"), same("usr/lib/c", "usr/lib/b")]]],
    meeting: both,
  },
  {
    name: "three trees, grouped either way",
    images: [[ROOT], [other("etc/conf", "second")], [other("etc/conf", "third"), other("etc/more", "m")]],
    meeting: { merge: [0, { merge: [1, 2] }] },
  },
  {
    name: "a deletion in a tree that was merged before",
    images: [[ROOT], [other("opt/x", "x")], [ROOT], [ROOT, [directory("etc"), gone("etc/conf")]]],
    meeting: { merge: [0, { merge: [1, { diff: [2, 3] }] }] },
  },
  {
    name: "accounts",
    images: [
      [ROOT, other("etc/passwd", "root:x:0:0::/root:/bin/sh\na:x:1000:1000::/:/bin/sh\n")],
      [other("etc/passwd", "root:x:0:0::/root:/bin/sh\nb:x:1001:1001::/:/bin/sh\n")],
    ],
    meeting: both,
    differs: { "etc/passwd": "BuildKit takes the later file, and the other's users are gone" },
  },
  ...CHANGES.flatMap(([name, layers]): MergeCase[] => [
    {
      name: `difference on its own base: ${name}`,
      images: [[ROOT], [ROOT, ...layers]],
      meeting: { merge: [0, { diff: [0, 1] }] },
    },
    { name: `difference alone: ${name}`, images: [[ROOT], [ROOT, ...layers]], meeting: { diff: [0, 1] } },
    {
      name: `difference elsewhere: ${name}`,
      images: [[ROOT], [ROOT, ...layers], [TARGET]],
      meeting: moved,
      ...(DIFFERS[name] !== undefined && { differs: DIFFERS[name] }),
    },
  ]),
  { name: "unrelated trees compared", images: [[ROOT], [TARGET]], meeting: { merge: [0, { diff: [0, 1] }] } },
  { name: "unrelated trees compared, alone", images: [[ROOT], [TARGET]], meeting: { diff: [0, 1] } },
];
