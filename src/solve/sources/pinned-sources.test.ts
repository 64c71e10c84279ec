import { expect, test } from "vitest";
import type { CopySourceOp, StageGraph } from "../../graph/stages.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { isNamed, openSources, pinnedGraph, SourcePins, sourceName } from "./pinned-sources.ts";

const amd64 = { os: "linux", architecture: "amd64" } as const;
const digest = digestOf("x");
const commit = "0123456789abcdef0123456789abcdef01234567";
const http = { kind: "http", url: "https://example.org/a.txt", isUnpacked: false } as const;
const git = { kind: "git", url: "https://example.org/a.git", ref: "main", keepsGitFolder: false } as const;

const sources = {
  images: [{ reference: "docker.io/library/debian:12", targets: { amd64: digest } }],
  http: [{ url: http.url, digest }],
  git: [{ url: git.url, ref: "main", commit, refName: "refs/heads/main" }],
};

function graphOf(...ops: readonly CopySourceOp[]): StageGraph {
  const place = { line: 2, text: "ADD" };
  const copy = {
    op: "copy",
    sources: ops,
    destination: "/",
    isLinked: false,
    keepsParents: false,
    exclude: [],
  } as const;
  const config = { env: [], labels: {}, exposedPorts: [], volumes: [], onBuild: [], emptyHistory: [] };
  const stage = {
    name: "0",
    platform: amd64,
    base: { kind: "scratch" },
    steps: [{ ...place, ...copy }],
    config,
  } as const;
  return { stages: [stage], target: 0, proxies: [] };
}

function opsOf({ stages }: StageGraph): readonly CopySourceOp[] {
  return stages.flatMap(({ steps }) => steps.flatMap((step) => (step.op === "copy" ? step.sources : [])));
}

test("what a lock says is put in, and what says itself which it is stays", () => {
  const own = { ...http, checksum: digestOf("own") };
  const whole = { ...git, ref: commit };
  const pinned = pinnedGraph(graphOf(http, own, git, whole), new SourcePins(sources, undefined, true));
  expect(opsOf(pinned)).toEqual([
    { ...http, checksum: digest },
    own,
    { ...git, resolved: { commit, refName: "refs/heads/main" } },
    whole,
  ]);
  expect(openSources(pinned)).toEqual([]);
});

test("what it does not say stays open and is told, unless all must be locked", () => {
  const other = { ...http, url: "https://example.org/b.txt" };
  const branch = { ...git, ref: "other" };
  const pins = new SourcePins(sources);
  expect(opsOf(pinnedGraph(graphOf(other, branch), pins))).toEqual([other, branch]);
  expect(pins.missing).toEqual(["https://example.org/b.txt", "https://example.org/a.git#other"]);
  expect(pins.image("docker.io/library/debian:12", { os: "linux", architecture: "arm64" })).toBeUndefined();
  expect(new SourcePins(undefined).missing).toEqual([]);
  const locked = new SourcePins(sources, undefined, true);
  for (const op of [other, branch]) {
    expect(() => pinnedGraph(graphOf(op), locked)).toThrow(
      expect.objectContaining({ code: "DOCKERFILE_UNLOCKED", exitCode: 2 }),
    );
  }
});

test("what is to be looked up again is not pinned, and not missed", () => {
  const pins = new SourcePins(sources, (name) => isNamed(name, "debian"));
  expect(pins.image("docker.io/library/debian:12", amd64)).toBeUndefined();
  expect(pins.file(http.url)).toBe<Digest>(digest);
  expect(pins.missing).toEqual([]);
});

test.for([
  ["docker.io/library/debian:12", "debian", true],
  ["docker.io/library/debian:12", "debian:12", true],
  ["docker.io/library/debian:12", "docker.io/library/debian:12", true],
  ["docker.io/library/debian:12", "debian:11", false],
  ["registry.example/app:1", "registry.example/app", true],
  ["https://example.org/a.txt", "https://example.org/a.txt", true],
  ["https://example.org/a.txt", "a.txt", false],
] as const)("%s is named by %s: %s", ([source, name, is]) => {
  expect(isNamed(source, name)).toBe(is);
});

test("the name of a URL has no secret in it, and tells queries apart", () => {
  const names = ["a", "b"].map((token) => sourceName(`https://user:secret@example.org/x?token=${token}`));
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(name).toMatch(/^https:\/\/example\.org\/x\?[0-9a-f]{16}$/);
});
