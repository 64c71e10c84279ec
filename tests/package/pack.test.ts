import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { runProcess } from "../../scripts/process.ts";

/** The oldest Node that `engines` admits. */
const oldestVersion = "22.18.0";
/** One that it does not, for machines that have none. */
const tooOldVersion = "20.19.0";

let folder = "";
let installed = "";

/** Packs the checkout and installs the tarball into an empty folder, as a user would. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambium-pack-"));
  // Packed from a copy, so that a build for the test does not replace dist under someone's feet.
  const copy = join(folder, "checkout");
  for (const name of [
    "bin",
    "src",
    "scripts",
    "schema",
    "package.json",
    "README.md",
    "LICENSE",
    "tsconfig.json",
    "tsconfig.build.json",
  ]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  await succeed(process.execPath, [join(copy, "scripts", "build.ts")], copy);
  await succeed("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], copy);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  installed = join(folder, "empty");
  mkdirSync(installed);
  writeFileSync(join(installed, "package.json"), "{}");
  await succeed(
    "npm",
    ["install", "--omit=dev", "--no-audit", "--no-fund", join(folder, tarball ?? "no.tgz")],
    installed,
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function succeed(command: string, args: readonly string[], cwd: string): Promise<void> {
  const result = await runProcess(command, args, { cwd });
  if (result.exitCode !== 0)
    throw new Error(`${command} ${args.join(" ")}\n${result.stdout}${result.stderr}`);
}

/** Node of exactly this version, from the package that carries its binary and nothing else. */
async function nodeOf(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const target = join(folder, `node-${version}`);
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, "package.json"), "{}");
  await succeed("npm", ["install", "--no-audit", "--no-fund", `${name}@${version}`], target);
  return join(target, "node_modules", name, "bin", "node");
}

/** A Node on this machine that is too old, as Debian and its neighbours ship. */
function installedOldNode(): string | undefined {
  const candidates = (process.env.PATH ?? "").split(delimiter).map((path) => join(path, "node"));
  return candidates.find((candidate) => {
    try {
      const version = execFileSync(candidate, ["--version"], { encoding: "utf8" });
      return Number(/^v(\d+)\./.exec(version)?.[1] ?? 99) < 22;
    } catch {
      return false;
    }
  });
}

function cambium(node: string, ...args: string[]) {
  const entry = join(installed, "node_modules", "cambium", "bin", "cambium.js");
  return runProcess(node, [entry, ...args], {
    cwd: installed,
    env: { PATH: process.env.PATH, HOME: folder },
  });
}

test("the tarball's command runs on the oldest Node that it admits", async () => {
  const node = await nodeOf(oldestVersion);
  expect(await cambium(node, "--version")).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: "",
  });
  const help = await cambium(node, "build", "--help");
  expect(help).toMatchObject({ exitCode: 0, stderr: "" });
  expect(help.stdout).toContain("$ cambium build");
});

test("and on this one, from npm's own link", async () => {
  const link = join(installed, "node_modules", ".bin", "cambium");
  const ran = await runProcess(process.execPath, [link, "--help"], { cwd: "/", env: { HOME: folder } });
  expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
});

test("an older Node is told so, and nothing is run", async () => {
  const ran = await cambium(installedOldNode() ?? (await nodeOf(tooOldVersion)), "--version");
  expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
  expect(ran.stderr).toMatch(
    /^error\[NODE_TOO_OLD\]: cambium needs Node 22\.18 or later of 22, or 24 and up; this is \d+\.\d+\.\d+\nhint: /,
  );
});

test("the tarball holds the bundle and no source, test or path of the machine that made it", async () => {
  const inside = join(installed, "node_modules", "cambium");
  const names = readdirSync(inside, { recursive: true, encoding: "utf8" });
  expect(names).toEqual(expect.arrayContaining(["LICENSE", "README.md", "bin/cambium.js", "dist/cli.js"]));
  expect(names.filter((name) => /^(src|tests|scripts|node_modules)\b|\.test\./.test(name))).toEqual([]);
  const grep = await runProcess("grep", ["-rlF", "-e", folder, "-e", root, inside]);
  expect(grep.stdout).toBe("");
});
