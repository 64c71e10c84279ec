import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NO_DOCKERFILE_SETTINGS as NONE } from "../settings.ts";
import { mountProject } from "./mount-project.ts";

let contextDir: string;
beforeEach(() => {
  contextDir = realpathSync(mkdtempSync(join(tmpdir(), "cambium-project-")));
});
afterEach(() => rmSync(contextDir, { recursive: true, force: true }));

function addRemote(): void {
  mkdirSync(join(contextDir, ".git"));
  const url = "https://ci:token@host.example/team/app.git";
  writeFileSync(join(contextDir, ".git", "config"), `[remote "origin"]\n\turl = ${url}\n`);
}

test("a folder alone is its path; a tag names it on every machine, whatever its tag", () => {
  expect(mountProject({ dockerfile: NONE, contextDir, tags: [] })).toBe(`folder ${contextDir}`);
  for (const tag of ["registry.example/team/app:1", "registry.example/team/app:2"]) {
    const project = mountProject({ dockerfile: NONE, contextDir, tags: [tag, "other:1"] });
    expect(project).toBe("image registry.example/team/app");
  }
  expect(mountProject({ dockerfile: NONE, contextDir, tags: ["app"] })).toBe("image docker.io/library/app");
});

test("a git remote goes before tags, without what it takes to log in, and with the place in it", () => {
  addRemote();
  const inner = join(contextDir, "services", "api");
  mkdirSync(inner, { recursive: true });
  const tags = ["app:1"];
  expect(mountProject({ dockerfile: NONE, contextDir, tags })).toBe("git host.example/team/app");
  expect(mountProject({ dockerfile: NONE, contextDir: inner, tags })).toBe(
    "git host.example/team/app services/api",
  );
});

test("what the user says goes before all, in our words or in BuildKit's", () => {
  addRemote();
  const buildArgs = new Map([["BUILDKIT_CACHE_MOUNT_NS", "theirs"]]);
  expect(mountProject({ dockerfile: { ...NONE, buildArgs }, contextDir, tags: [] })).toBe("theirs");
  const both = { ...NONE, buildArgs, project: "ours" };
  expect(mountProject({ dockerfile: both, contextDir, tags: [] })).toBe("ours");
});
