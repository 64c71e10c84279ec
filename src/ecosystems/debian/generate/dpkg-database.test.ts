import { expect, test } from "vitest";
import { lockedDeb } from "../../../../tests/support/deb.ts";
import { type EntrySketch, segmentOf } from "../../../../tests/support/debian-segment.ts";
import type { Architecture, Suite } from "../lock.ts";
import type { KeptPart } from "../paths.ts";
import { type ShippedDeb, shippedPath } from "../shipped.ts";
import { openTree } from "../tree.ts";
import { dpkgDatabase } from "./dpkg-database.ts";

type Package = {
  readonly control?: string;
  readonly members?: Readonly<Record<string, string>>;
  /** Directories end with a slash, links with an @. */
  readonly paths?: readonly string[];
};

function shippedOf(name: string, { control = "", members = {}, paths = [] }: Package): ShippedDeb {
  const stanza = `Package: ${name}\nVersion: 1.0-1\nArchitecture: all\nDescription: a sample\n${control}`;
  const files = Object.entries({ control: stanza, ...members });
  return {
    control: files.map(([member, text]) => ({
      name: member,
      mode: member === "postinst" ? 0o755 : 0o644,
      content: Buffer.from(text),
    })),
    paths: paths.map((path) => {
      const type = path.endsWith("/") ? "directory" : path.endsWith("@") ? "symlink" : "file";
      return shippedPath({ path: path.replace(/[/@]$/, ""), type });
    }),
  };
}

function databaseOf(
  packages: Readonly<Record<string, Package>>,
  options: {
    files?: readonly EntrySketch[];
    keep?: readonly KeptPart[];
    suite?: Suite;
    on?: Architecture;
  } = {},
) {
  const { files = [], keep = [], suite = "bookworm", on = "amd64" } = options;
  const { segment, readFile } = segmentOf(files);
  const entries = dpkgDatabase(openTree([segment], new Map(), readFile), {
    debs: Object.keys(packages).map((name) => ({ deb: lockedDeb(new Uint8Array(0), name) })),
    shipped: new Map(Object.entries(packages).map(([name, one]) => [name, shippedOf(name, one)])),
    ...{ suite, architecture: on, keep },
  });
  const found = new Map(entries.map((entry) => [entry.path.replace("var/lib/dpkg/", ""), entry]));
  return {
    paths: [...found.keys()],
    text: (path: string) => {
      const entry = found.get(path);
      return entry?.type === "file" ? Buffer.from(entry.content).toString() : undefined;
    },
    mode: (path: string) => found.get(path)?.mode,
  };
}

test("without the package dpkg there is no database", () => {
  expect(databaseOf({ bash: {} }).paths).toEqual([]);
});

test("status has packages by name, fields in dpkg's order, and no flag that says no", () => {
  const { text } = databaseOf({
    dpkg: { control: "Essential: yes\nHomepage: about:x\nSection: admin\nDepends: tar\n" },
    bash: { control: "Essential: no\nInstalled-Size: 3\n" },
  });
  expect(text("status")).toBe(`Package: bash
Status: install ok installed
Installed-Size: 3
Architecture: all
Version: 1.0-1
Description: a sample

Package: dpkg
Essential: yes
Status: install ok installed
Section: admin
Architecture: all
Version: 1.0-1
Depends: tar
Description: a sample
Homepage: about:x

`);
});

test("conffiles stand with the md5 of what was shipped, wherever merged /usr has them; those to be removed do not", () => {
  const members = { conffiles: "/etc/a\n/lib/udev/b\nremove-on-upgrade /etc/old\n" };
  const files: readonly EntrySketch[] = [
    { type: "file", path: "etc/a", content: "" },
    { type: "file", path: "etc/old", content: "" },
    { type: "file", path: "usr/lib/udev/b", content: "b\n" },
  ];
  const { text } = databaseOf({ dpkg: { members } }, { files });
  expect(text("status")).toContain(
    "Conffiles:\n /etc/a d41d8cd98f00b204e9800998ecf8427e\n /lib/udev/b 3b5d5c3712955042212316173ccf37be\nDescription",
  );
  expect(text("info/dpkg.conffiles")).toBe(members.conffiles);
});

test("lists and checksums keep shipped paths and what is in the image", () => {
  const sums = ["bin/x", "usr/share/doc/x/copyright", "usr/share/doc/x/NEWS", "usr/share/man/man1/x.1.gz"];
  const one: Package = {
    control: "Multi-Arch: same\n",
    members: {
      md5sums: sums.map((path) => `${"0".repeat(32)}  ${path}\n`).join(""),
      postinst: "#!/bin/sh\n",
    },
    paths: [
      ...["bin/", "bin/x", "bin/y@", "usr/", "usr/share/", "usr/share/doc/", "usr/share/doc/x/"],
      ...[
        "usr/share/doc/x/NEWS",
        "usr/share/doc/x/copyright",
        "usr/share/doc/only/",
        "usr/share/doc/only/NEWS",
      ],
      ...["usr/share/man/", "usr/share/man/man1/", "usr/share/man/man1/x.1.gz", "empty/"],
    ],
  };
  const { text, mode } = databaseOf({ dpkg: one });
  expect(text("info/dpkg:amd64.list")?.split("\n")).toEqual([
    ...["/.", "/bin", "/bin/x", "/bin/y", "/usr", "/usr/share", "/usr/share/doc", "/usr/share/doc/x"],
    ...["/usr/share/doc/x/copyright", "/empty", ""],
  ]);
  expect(text("info/dpkg:amd64.md5sums")?.match(/ \S+$/gm)).toEqual([" bin/x", " usr/share/doc/x/copyright"]);
  expect(mode("info/dpkg:amd64.postinst")).toBe(0o755);
  const kept = databaseOf({ dpkg: one }, { keep: ["man"], on: "arm64" });
  expect(kept.text("info/dpkg:arm64.list")).toContain("/usr/share/man/man1\n/usr/share/man/man1/x.1.gz\n");
});

test("interests are found by path and by name, of those who wait and who do not", () => {
  const interests = "# comment\ninterest-noawait /usr/a\ninterest ldconfig\nactivate-noawait other\n";
  const { text, paths } = databaseOf({
    dpkg: { control: "Multi-Arch: same\n", members: { triggers: interests } },
    bash: { members: { triggers: "interest-await ldconfig\n" } },
  });
  expect(text("triggers/File")).toBe("/usr/a dpkg:amd64/noawait\n");
  expect(text("triggers/ldconfig")).toBe("bash\ndpkg:amd64\n");
  expect(paths).not.toContain("triggers/other");
});

test("alternatives say what there is to choose from, followers that are not there among it", () => {
  const files: readonly EntrySketch[] = [
    { type: "file", path: "usr/bin/gawk", content: "" },
    { type: "file", path: "usr/bin/mawk", content: "" },
    { type: "file", path: "usr/bin/nano", content: "" },
  ];
  const { text } = databaseOf({ dpkg: {} }, { files });
  const man = "/usr/share/man/man1";
  expect(text("alternatives/awk")?.split("\n")).toEqual([
    ...["auto", "/usr/bin/awk", "awk.1.gz", `${man}/awk.1.gz`, "nawk", "/usr/bin/nawk"],
    ...["nawk.1.gz", `${man}/nawk.1.gz`, ""],
    ...["/usr/bin/gawk", "10", `${man}/gawk.1.gz`, "/usr/bin/gawk", `${man}/gawk.1.gz`],
    ...["/usr/bin/mawk", "5", `${man}/mawk.1.gz`, "/usr/bin/mawk", `${man}/mawk.1.gz`, "", ""],
  ]);
  expect(text("alternatives/pager")).toBeUndefined();
});

test("diversions are those of each suite's scripts", () => {
  const packages = {
    dpkg: {},
    "base-files": { members: { triggers: "interest-noawait /usr/lib32\ninterest-noawait /usr/share/x\n" } },
    libc6: {},
    libreadline8t64: { paths: ["usr/lib/t/libreadline.so.8@", "usr/lib/t/other.so"] },
  };
  const files: readonly EntrySketch[] = [{ type: "file", path: "usr/bin/dash", content: "" }];
  expect(databaseOf(packages, { files }).text("diversions")).toBe("/bin/sh\n/bin/sh.distrib\ndash\n");
  const aside = (path: string, by: string) => `${path}\n${path}.usr-is-merged\n${by}\n`;
  expect(databaseOf(packages, { files, suite: "trixie", on: "arm64" }).text("diversions")).toBe(
    aside("/lib/ld-linux-aarch64.so.1", "libc6") +
      aside("/lib/t/libreadline.so.8", "libreadline8t64") +
      "/lib32\n/.lib32.usr-is-merged\nbase-files\n",
  );
});
