import { canonicalJson } from "../../../src/canonical-json.ts";
import { dpkgRecord } from "../../../src/ecosystems/debian/generate/dpkg-info.ts";
import { isKeptPath, type KeptPart, mergedPath } from "../../../src/ecosystems/debian/paths.ts";
import { scriptOnlyDependencies, seedPackages } from "../../../src/ecosystems/debian/seed.ts";
import { shippedPath } from "../../../src/ecosystems/debian/shipped.ts";
import { statusEntries } from "../../../src/ecosystems/debian/status.ts";
import { debRecipe } from "../../../src/ecosystems/debian/transcode.ts";
import { openTree } from "../../../src/ecosystems/debian/tree.ts";
import { segmentId } from "../../../src/layer/segment-id.ts";
import { lockedDeb } from "../../support/deb.ts";
import { segmentOf } from "../../support/debian-segment.ts";
import { columns, type Example } from "./example.ts";

const MERGED: readonly (readonly [path: string, isSymlink: boolean])[] = [
  ["bin/ls", false],
  ["lib/x86_64-linux-gnu/libc.so.6", false],
  ["lib64/ld-linux-x86-64.so.2", true],
  ["bin", true],
  ["sbin", false],
  ["var/run/utmp", false],
  ["var/lock", true],
  ["usr/bin/python3", false],
];

const KEPT: readonly (readonly [path: string, isDirectory: boolean])[] = [
  ["usr/share/man/man1/ls.1.gz", false],
  ["usr/share/info/coreutils.info.gz", false],
  ["usr/share/locale/de/LC_MESSAGES/bash.mo", false],
  ["usr/share/locale/locale.alias", false],
  ["usr/share/doc/bash/copyright", false],
  ["usr/share/doc/bash/changelog.gz", false],
  ["usr/share/doc/bash", true],
  ["usr/share/doc/libpython3-stdlib", false],
  ["usr/share/zoneinfo/Etc/UTC", false],
];

const PARTS: readonly KeptPart[] = ["man", "info", "locale", "doc"];

export function debianExamples(): Example[] {
  const control = "Package: demo\nVersion: 1.0-1\nArchitecture: all\nDescription: a demo\n";
  const sums = `${"0".repeat(32)}  bin/demo\n${"1".repeat(32)}  usr/share/man/man1/demo.1.gz\n`;
  const status = statusEntries("demo", control, sums, (path) => path === "usr/bin/demo");
  const deb = lockedDeb(new Uint8Array(0));
  const recipe = debRecipe(deb, ["man", "doc"]);
  return [
    { name: "deb-recipe", text: `${canonicalJson(recipe)}\nid ${segmentId(recipe)}` },
    {
      name: "merged-paths",
      text: columns(
        MERGED.map(([path, isSymlink]) => [
          `${path}${isSymlink ? " (symlink)" : ""}`,
          "->",
          mergedPath(path, isSymlink),
        ]),
      ),
    },
    {
      name: "kept-paths",
      text: columns(
        KEPT.map(([path, isDirectory]) => {
          const by = PARTS.filter((part) => isKeptPath(path, isDirectory, new Set([part])));
          const what = isKeptPath(path, isDirectory, new Set())
            ? "kept"
            : `left out, unless keep has ${by.join(", ")}`;
          return [`${path}${isDirectory ? "/" : ""}`, what];
        }),
      ),
    },
    {
      name: "seed",
      text: [
        `distroless  ${seedPackages("distroless").join(" ")}`,
        `standard    the same, then ${seedPackages("standard").slice(seedPackages("distroless").length).join(" ")}`,
        `met anyway  (distroless) ${[...scriptOnlyDependencies("distroless")].join(" ")}`,
      ].join("\n"),
    },
    { name: "dpkg-record", text: dpkgRecordText() },
    {
      name: "status",
      text: status
        .map(
          (entry) =>
            `# /${entry.path}\n${"content" in entry ? Buffer.from(entry.content).toString("utf8") : ""}`,
        )
        .join("")
        .trimEnd(),
    },
  ];
}

function dpkgRecordText(): string {
  const { segment, readFile } = segmentOf([{ type: "file", path: "etc/demo.conf", content: "on\n" }]);
  const control = {
    control:
      "Package: demo\nVersion: 1.0-1\nArchitecture: all\nDescription: a demo\nHomepage: about:demo\nDepends: dash\n",
    conffiles: "/etc/demo.conf\n",
    md5sums: `${"0".repeat(32)}  bin/demo\n${"1".repeat(32)}  usr/share/man/man1/demo.1.gz\n`,
  };
  const paths = ["bin", "bin/demo", "etc", "etc/demo.conf", "usr", "usr/share", "usr/share/man"];
  const record = dpkgRecord(
    {
      control: Object.entries(control).map(([name, text]) => ({
        name,
        mode: 0o644,
        content: Buffer.from(text),
      })),
      paths: [
        ...paths.map((path) => shippedPath({ path, type: /demo/.test(path) ? "file" : "directory" })),
        shippedPath({ path: "usr/share/man/man1/demo.1.gz", type: "file" }),
      ],
    },
    openTree([segment], new Map(), readFile),
    "amd64",
    new Set(),
    "demo",
  );
  const files = record.info.map(
    (entry) => `# /${entry.path}\n${"content" in entry ? Buffer.from(entry.content).toString("utf8") : ""}`,
  );
  return `# /var/lib/dpkg/status\n${record.paragraph}${files.join("")}`.trimEnd();
}
