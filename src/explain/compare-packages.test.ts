import { expect, test } from "vitest";
import { comparePackages } from "./compare-packages.ts";
import type { KeyPackage, PackagesDocument } from "./documents.ts";
import { type Lens, plainLens, saltedLens } from "./lens.ts";
import { saltedDocument } from "./portable-build.ts";

const pinned = (name: string, version: string, archive = `${name} ${version}`): KeyPackage => ({
  ...{ ecosystem: "python", name, version, archive },
});

const before: PackagesDocument = {
  op: "packages",
  platform: "linux/amd64",
  layoutVersions: { wheel: 1 },
  base: "registry.example/base:1",
  baseDigest: "sha256:1",
  python: "3.12.4",
  bytecode: false,
  packages: [pinned("one", "1.0"), pinned("two", "2.0")],
  files: ["files"],
  created: "1980-01-02T00:00:00Z",
  settings: { config: { cmd: ["python", "app.py"] }, users: [] },
};

test.for<[what: string, now: Partial<PackagesDocument>, found: object]>([
  ["the platform", { platform: "linux/arm64" }, { field: "platform", now: "linux/arm64" }],
  ["the base", { base: "registry.example/base:2", baseDigest: "sha256:2" }, { field: "base" }],
  ["what the base's tag leads to", { baseDigest: "sha256:2" }, { field: "base", before: "sha256:1" }],
  ["Python", { python: "3.13.1" }, { field: "python", before: "3.12.4", now: "3.13.1" }],
  ["bytecode", { bytecode: true }, { field: "bytecode", now: "true" }],
  [
    "a version",
    { packages: [pinned("one", "1.1"), pinned("two", "2.0")] },
    { field: "package", name: "one", before: "1.0", now: "1.1" },
  ],
  [
    "an archive",
    { packages: [pinned("one", "1.0", "other"), pinned("two", "2.0")] },
    { field: "package", name: "one", aspect: "content" },
  ],
  [
    "a new package",
    { packages: [...before.packages, pinned("three", "3.0")] },
    { field: "package", name: "three", change: "added" },
  ],
  [
    "a package that is gone",
    { packages: [pinned("one", "1.0")] },
    { field: "package", name: "two", change: "removed" },
  ],
  ["the project's files", { files: ["other"] }, { field: "path", name: "files" }],
  ["the time", { created: "2023-11-14T22:13:20Z" }, { field: "SOURCE_DATE_EPOCH" }],
  [
    "a setting",
    { settings: { config: { cmd: ["python", "other.py"] }, users: [] } },
    { field: "setting", name: "config.cmd.1", now: "other.py" },
  ],
  ["a layout version", { layoutVersions: { wheel: 2 } }, { field: "layout version", name: "wheel" }],
])("%s is the only difference, on this machine and from another", ([, change, found]) => {
  const now = { ...before, ...change };
  const files = (lens: Lens) => (a: string | undefined, b: string | undefined) =>
    lens.same(a!, b!) ? [] : [{ field: "path", name: "files", change: "changed" } as const];
  expect(comparePackages(before, now, plainLens, files(plainLens))).toMatchObject([found]);
  const lens = saltedLens("salt");
  const told = comparePackages(saltedDocument(before, "salt"), now, lens, files(lens));
  const { before: _, ...shown } = found as { before?: string };
  expect(told).toMatchObject([shown]);
});
