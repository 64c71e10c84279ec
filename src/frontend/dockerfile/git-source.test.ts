import { expect, test } from "vitest";
import { parseGitSource } from "./git-source.ts";

const plain = { skipsSubmodules: false, fetchesByCommit: false };
const url = "https://example.com/org/repo.git";

test.for([
  [url, { url, ...plain }],
  [`${url}#main`, { url, ref: "main", ...plain }],
  [`${url}#v1:sub/../dir/`, { url, ref: "v1", subdirectory: "dir", ...plain }],
  [`${url}#:dir`, { url, subdirectory: "dir", ...plain }],
  [`${url}?tag=v1`, { url, ref: "refs/tags/v1", ...plain }],
  [`${url}?branch=refs/heads/x&subdir=y`, { url, ref: "refs/heads/x", subdirectory: "y", ...plain }],
  [
    `${url}?ref=x&commit=abc&keep-git-dir&submodules=0&fetch-by-commit`,
    { url, ref: "x", checksum: "abc", keepsGitFolder: true, skipsSubmodules: true, fetchesByCommit: true },
  ],
  ["git@example.com:org/repo.git#main", { url: "git@example.com:org/repo.git", ref: "main", ...plain }],
  ["ssh://git@example.com/repo", { url: "ssh://git@example.com/repo", ...plain }],
  ["git://example.com/repo", { url: "git://example.com/repo", ...plain }],
  ["https://example.com/file", undefined],
  ["./repo.git", undefined],
  ["github.com/org/repo", undefined],
] as const)("%s", ([text, expected]) => {
  expect(parseGitSource(text)).toEqual(expected);
});

test.for([
  ["?colour=red", 'unknown "colour"'],
  ["?ref=a&ref=b", "ref stands twice"],
  ["?ref=", "ref has no value"],
  ["?ref=a&tag=b", "a and refs/tags/b contradict"],
  ["?tag=a&branch=b", "contradict"],
  ["?submodules=perhaps", "neither true nor false"],
  ["?mtime=never", "unknown mtime never"],
] as const)("%s is refused", ([query, problem]) => {
  expect(parseGitSource(`${url}${query}`)).toEqual({ problem: expect.stringContaining(problem) });
});
