import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { CopySourceOp } from "../../src/graph/stages.ts";
import { CONSTANT_MTIME } from "../../src/layer/entry.ts";
import { type CopyBench, copyStep } from "../../src/solve/steps/copy-step.ts";
import { copyBench } from "../support/copy-bench.ts";
import { needs } from "../support/needs.ts";
import { startGit } from "./places.ts";

type GitOp = Extract<CopySourceOp, { kind: "git" }>;

function added(op: Omit<GitOp, "kind" | "keepsGitFolder"> & Partial<GitOp>, bench: CopyBench) {
  const sources = [{ kind: "git", keepsGitFolder: false, ...op } as const];
  const flags = { isLinked: false, keepsParents: false, exclude: [] };
  const step = { op: "copy", line: 2, text: "ADD", sources, destination: "/src", ...flags } as const;
  const none = () => Promise.reject(new Error("no files"));
  return copyStep(step, { sources: none, below: undefined, accounts: {}, mtimeSec: CONSTANT_MTIME }, bench);
}

describe.runIf(needs("git"))("ADD of a repository", () => {
  test("by a commit that was added before asks nobody", async () => {
    await using bench = copyBench();
    const git = await startGit();
    const commit = execFileSync("git", ["ls-remote", git.url, "refs/heads/other"]).toString().slice(0, 40);
    const byBranch = await added({ url: git.url, ref: "other" }, bench);
    await git[Symbol.asyncDispose]();
    const byCommit = await added({ url: git.url, ref: commit }, bench);
    expect(byCommit.id).toBe(byBranch.id);
    await expect(added({ url: git.url, ref: "other" }, bench)).rejects.toMatchObject({ code: "GIT_FAILED" });
  });

  test("holds the commit to its checksum, of a tag to the tag's own too", async () => {
    await using bench = copyBench();
    await using git = await startGit();
    const ids = execFileSync("git", ["ls-remote", git.url, "v1", "v1^{}"]).toString().trim().split("\n");
    expect(ids).toHaveLength(2);
    const segments = [];
    for (const line of ids) {
      segments.push(await added({ url: git.url, ref: "v1", checksum: line.slice(0, 12) }, bench));
    }
    expect(segments[1]!.id).toBe(segments[0]!.id);
    await expect(added({ url: git.url, ref: "v1", checksum: "1234567" }, bench)).rejects.toMatchObject({
      code: "GIT_CHECKSUM",
    });
  });

  test("with its git folder is the same bytes each time, and a repository that is in order", async () => {
    await using git = await startGit();
    const made = [];
    for (const umask of [0o022, 0o077]) {
      const before = process.umask(umask);
      try {
        await using bench = copyBench();
        made.push(await added({ url: git.url, ref: "other", keepsGitFolder: true }, bench));
      } finally {
        process.umask(before);
      }
    }
    expect(made[1]!.id).toBe(made[0]!.id);
    const paths = made[0]!.entries.map(({ path }) => path);
    expect(paths).toContain("src/.git/HEAD");
    expect(paths.filter((path) => /hooks|logs|FETCH_HEAD|\.git\/objects\/[0-9a-f]{2}\//.test(path))).toEqual(
      [],
    );
  });

  test("takes nothing of the host's configuration", async () => {
    await using git = await startGit();
    await using bench = copyBench();
    const hostile = {
      ...{ GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "core.autocrlf", GIT_CONFIG_VALUE_0: "true" },
      ...{ GIT_DIR: "/nowhere", GIT_TEMPLATE_DIR: "/nowhere" },
    };
    const plain = await added({ url: git.url }, bench);
    await using other = copyBench();
    const same = await added({ url: git.url }, { ...other, env: { ...process.env, ...hostile } });
    expect(same.id).toBe(plain.id);
  });
});
