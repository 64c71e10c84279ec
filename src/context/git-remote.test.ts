import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { gitPlace, remoteName } from "./git-remote.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cambium-git-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test.for([
  ["https://host.example/team/app.git", "host.example/team/app"],
  ["https://ada:secret@Host.example:8443/team/app/", "host.example/team/app"],
  ["git@host.example:team/app.git", "host.example/team/app"],
  ["ssh://git@host.example:2222/team/app", "host.example/team/app"],
  ["host.example:team/app", "host.example/team/app"],
  ["../other", undefined],
  ["/srv/git/app.git", undefined],
  ["file:///srv/git/app.git", undefined],
] as const)("the remote %s is %s", ([url, name]) => {
  expect(remoteName(url)).toBe(name);
});

function repository(at: string, config: string): string {
  const folder = join(root, at);
  mkdirSync(join(folder, ".git"), { recursive: true });
  writeFileSync(join(folder, ".git", "config"), config);
  return folder;
}

const origin = '[core]\n\tbare = false\n[remote "origin"]\n\turl = https://t:k@host.example/team/app.git\n';

test("a folder of a clone is its remote and its path in it, wherever the clone is", () => {
  for (const clone of ["one", "two/deep"]) {
    const folder = join(repository(clone, origin), "services", "api");
    mkdirSync(folder, { recursive: true });
    expect(gitPlace(folder)).toEqual({ remote: "host.example/team/app", path: "services/api" });
  }
  symlinkSync(join(root, "one"), join(root, "link"));
  expect(gitPlace(join(root, "link"))).toEqual({ remote: "host.example/team/app", path: "" });
});

test("origin goes before others, and others count only alone", () => {
  const fork = '[remote "fork"]\n  url = "git@host.example:me/app"\n';
  const other = '[remote "other"]\nurl = git@host.example:you/app\n';
  expect(gitPlace(repository("a", fork + origin))?.remote).toBe("host.example/team/app");
  expect(gitPlace(repository("b", fork))?.remote).toBe("host.example/me/app");
  expect(gitPlace(repository("c", fork + other))).toBeUndefined();
  expect(gitPlace(repository("d", "[core]\n"))).toBeUndefined();
});

test("a worktree has the remote of its repository", () => {
  const folder = repository("main", origin);
  const own = join(folder, ".git", "worktrees", "w");
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "commondir"), "../..\n");
  mkdirSync(join(root, "w"));
  writeFileSync(join(root, "w", ".git"), `gitdir: ${own}\n`);
  expect(gitPlace(join(root, "w"))).toEqual({ remote: "host.example/team/app", path: "" });
});

test("what is no repository has no remote", () => {
  expect(gitPlace(root)).toBeUndefined();
  expect(gitPlace(join(root, "missing"))).toBeUndefined();
});
