/**
 * Brings the tools that the system tests use: what is missing is installed where that is allowed, and said.
 * `node scripts/tools.ts` alone does just this; `npm run check` begins with it.
 */
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, delimiter, join } from "node:path";
import { root, toolBin, toolCache, toolPath } from "./paths.ts";
import { runProcess } from "./process.ts";

/** A tool of Debian: the command that shows it is there, and the package that has it. */
const debianTools: readonly { readonly command: string; readonly debianPackage: string }[] = [
  { command: "runc", debianPackage: "runc" },
  { command: "crun", debianPackage: "crun" },
  { command: "skopeo", debianPackage: "skopeo" },
  { command: "umoci", debianPackage: "umoci" },
  { command: "docker-registry", debianPackage: "docker-registry" },
  { command: "openssl", debianPackage: "openssl" },
  { command: "debootstrap", debianPackage: "debootstrap" },
  { command: "newuidmap", debianPackage: "uidmap" },
  { command: "podman", debianPackage: "podman" },
  { command: "containerd", debianPackage: "containerd" },
  { command: "dockerd", debianPackage: "docker.io" },
  { command: "fuse-overlayfs", debianPackage: "fuse-overlayfs" },
  { command: "setcap", debianPackage: "libcap2-bin" },
  { command: "perl", debianPackage: "perl-base" },
];

const uvVersion = "0.13.8";
/** The Go that BuildKit's go.mod asks for. */
const goVersion = { major: 1, minor: 26 };

export type ToolReport = {
  readonly name: string;
  readonly state: "present" | "installed" | "missing";
  readonly note?: string;
};

/**
 * Looks for every tool, or for those of `wanted` alone, brings what is missing, and answers what came of it; `say` tells
 * what takes time.
 */
export async function bringTools(
  say: (line: string) => void,
  wanted?: ReadonlySet<string>,
): Promise<ToolReport[]> {
  mkdirSync(toolBin, { recursive: true });
  const isWanted = (name: string) => wanted?.has(name) !== false;
  const reports = await bringDebianTools(
    debianTools.filter(({ command }) => isWanted(command)),
    say,
  );
  if (isWanted("uv")) reports.push(await bringUv(say));
  for (const commands of [buildKit, dockerfileOracle]) {
    if (namesOf(commands).some(isWanted)) reports.push(await bringGoCommands(commands, say));
  }
  return reports;
}

async function bringDebianTools(
  tools: typeof debianTools,
  say: (line: string) => void,
): Promise<ToolReport[]> {
  const missing = tools.filter((tool) => findCommand(tool.command) === undefined);
  if (missing.length > 0)
    await installDebianPackages(
      missing.map((tool) => tool.debianPackage),
      say,
    );
  return tools.map(({ command, debianPackage }) => {
    if (!missing.some((tool) => tool.command === command)) return { name: command, state: "present" };
    if (findCommand(command) !== undefined) return { name: command, state: "installed" };
    return { name: command, state: "missing", note: `as root: apt-get install ${debianPackage}` };
  });
}

async function installDebianPackages(
  packages: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  if (process.getuid?.() !== 0 || findCommand("apt-get") === undefined) return;
  say(`installing with apt-get: ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await runProcess("apt-get", ["update", "-q"], { env });
  const install = ["install", "-y", "-q", "--no-install-recommends"];
  const result = await runProcess("apt-get", [...install, ...packages], { env });
  if (result.exitCode === 0) return;
  // One unknown name refuses the whole list, so the others get a try of their own.
  for (const name of packages) await runProcess("apt-get", [...install, name], { env });
}

/** uv from the user's pip, so that its configured index and mirrors serve; pinned, since resolutions are compared. */
async function bringUv(say: (line: string) => void): Promise<ToolReport> {
  const folder = join(toolCache, `uv-${uvVersion}`);
  const binary = join(folder, "bin", "uv");
  const state = existsSync(binary) ? "present" : "installed";
  if (state === "installed") {
    const pip = await firstThatRuns([["python3", "-m", "pip"], ["pip3"], ["pip"]]);
    if (pip === undefined)
      return { name: "uv", state: "missing", note: "no pip: apt-get install python3-pip" };
    say(`installing uv ${uvVersion} with pip`);
    const fresh = freshFolder(folder);
    const [command = "pip", ...before] = pip;
    const args = [
      ...before,
      "install",
      "-q",
      "--no-deps",
      "--only-binary",
      ":all:",
      "--target",
      fresh,
      `uv==${uvVersion}`,
    ];
    const result = await runProcess(command, args);
    if (result.exitCode !== 0) return { name: "uv", state: "missing", note: lastLine(result.stderr) };
    renameSync(fresh, folder);
  }
  link(binary, "uv");
  return { name: "uv", state };
}

/** Commands of our Go module that pins BuildKit; what they are built from is in its lock and in `sources`. */
type GoCommands = {
  readonly packages: readonly string[];
  readonly sources: readonly string[];
  readonly note: string;
};

const goModule = join(root, "tests", "tools", "buildkit");
const buildKit: GoCommands = {
  packages: ["github.com/moby/buildkit/cmd/buildkitd", "github.com/moby/buildkit/cmd/buildctl"],
  sources: ["go.sum"],
  note: "building BuildKit from its Go module (about two minutes, once)",
};
/** Says what BuildKit's Dockerfile frontend makes of a text. */
const dockerfileOracle: GoCommands = {
  packages: ["./dockerfile-oracle"],
  sources: ["go.sum", "dockerfile-oracle/main.go"],
  note: "building the Dockerfile oracle from BuildKit's Go module",
};

function namesOf({ packages }: GoCommands): string[] {
  return packages.map((path) => basename(path));
}

/** Built once and kept by the digest of what they are built from. */
async function bringGoCommands(commands: GoCommands, say: (line: string) => void): Promise<ToolReport> {
  const names = namesOf(commands);
  const name = names[0]!;
  const hash = createHash("sha256");
  for (const source of commands.sources) hash.update(readFileSync(join(goModule, source)));
  const kind = name === "buildkitd" ? "buildkit" : name;
  const folder = join(toolCache, `${kind}-${hash.digest("hex").slice(0, 12)}`);
  const isBuilt = names.every((command) => existsSync(join(folder, command)));
  if (!isBuilt) {
    const problem = await goProblem();
    if (problem !== undefined) return { name, state: "missing", note: problem };
    say(commands.note);
    const fresh = freshFolder(folder);
    const result = await runProcess(
      "go",
      [
        "build",
        "-mod=readonly",
        "-trimpath",
        "-ldflags=-s -w",
        "-tags",
        "osusergo netgo static_build",
        "-o",
        `${fresh}/`,
        ...commands.packages,
      ],
      { cwd: goModule, env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" } },
    );
    if (result.exitCode !== 0) return { name, state: "missing", note: lastLine(result.stderr) };
    renameSync(fresh, folder);
  }
  for (const command of names) link(join(folder, command), command);
  return { name, state: isBuilt ? "present" : "installed" };
}

async function goProblem(): Promise<string | undefined> {
  const wanted = `Go ${goVersion.major}.${goVersion.minor}`;
  if (findCommand("go") === undefined) return `no ${wanted} on PATH`;
  const { stdout } = await runProcess("go", ["env", "GOVERSION"]);
  const match = /^go(\d+)\.(\d+)/.exec(stdout);
  const isEnough =
    match !== null && Number(match[1]) === goVersion.major && Number(match[2]) >= goVersion.minor;
  return isEnough ? undefined : `${wanted} is needed, found ${stdout.trim()}`;
}

/** The absolute path of a command, on PATH or among our tools. */
export function findCommand(name: string): string | undefined {
  // Debian keeps runc and debootstrap where a plain user's PATH does not look.
  const folders = [...toolPath(process.env.PATH).split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function firstThatRuns(candidates: readonly string[][]): Promise<string[] | undefined> {
  for (const candidate of candidates) {
    const [command = "", ...args] = candidate;
    if (findCommand(command) === undefined) continue;
    if ((await runProcess(command, [...args, "--version"])).exitCode === 0) return candidate;
  }
  return undefined;
}

/** An empty folder beside `folder`, to be renamed when it is whole: an interrupted run leaves nothing half done. */
function freshFolder(folder: string): string {
  const fresh = `${folder}.tmp-${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  return fresh;
}

function link(target: string, name: string): void {
  const temporary = join(toolBin, `.${name}-${process.pid}`);
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, join(toolBin, name));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

if (import.meta.main) {
  const reports = await bringTools((line) => console.error(line));
  for (const { name, state, note } of reports)
    console.log(`${name.padEnd(16)} ${state}${note === undefined ? "" : `: ${note}`}`);
  process.exitCode = reports.some((report) => report.state === "missing") ? 1 : 0;
}
