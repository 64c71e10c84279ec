import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CambiumError, environmentError, messageOf } from "../../../errors.ts";
import { freeBytes } from "../../../layer/chunks.ts";
import { digestOf } from "../../../layer/digest.ts";
import { inflatePayload } from "../../../layer/inflate.ts";
import type { BlobReader } from "../../../layer/segment.ts";
import { readArchive } from "../archive.ts";
import { compareVersions, tryVersion } from "../standards/version.ts";
import { archiveInMemory } from "../zip/archive-file.ts";
import { allOnPath, findOnPath } from "./find-on-path.ts";
import { runProcess } from "./run-process.ts";

/** A uv that can be run. `interpreter` is absent when uv shall find one on PATH itself. */
export type UvTool = { readonly path: string; readonly version: string; readonly interpreter?: string };

type Environment = Readonly<Record<string, string | undefined>>;

export type UvToolOptions = {
  /** The caller's environment: PATH, and pip's configuration when uv must be fetched. */
  readonly env: Environment;
  /** `tools` below the store's root. */
  readonly toolsDir: string;
  /** The store's lock between processes. */
  readonly exclusive: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  /** Path of an interpreter for a machine that has none; asked only then. */
  readonly fallbackInterpreter?: () => Promise<string>;
  readonly signal?: AbortSignal | undefined;
  /** Told before uv is fetched, which takes seconds. */
  readonly onFetch?: (version: string) => void;
};

export const UV_VERSION = "0.13.8";

/** Its pylock output and its options are what this code was written against; older ones differ in both. */
const OLDEST_UV = "0.9.0";

/** Releases are never replaced on an index, so these hold for every mirror. */
const WHEELS: Readonly<Record<string, string>> = {
  macosx_10_12_x86_64: "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
  macosx_11_0_arm64: "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
  "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64":
    "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
  "manylinux_2_17_x86_64.manylinux2014_x86_64":
    "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
  manylinux_2_28_aarch64: "5337c30bb893b4f9ce0ceb921ba2da0d13f649da644f40ad3bef84083bef0203",
  musllinux_1_1_x86_64: "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a",
  win_amd64: "cfbc13020a64cdf2f116d2936824c38edbf41e5c07f1ea291baf02e31ebf3ed0",
  win_arm64: "b4184029b1b7c54409b9cd4372c73a36ef9c2d1d7cf3b0aca59c8b1932f041dc",
};

const HINT =
  "Install uv or pip so that one is on PATH, or build from a lock that has everything (cambium build --locked).";

/**
 * uv from PATH when it is new enough, else the pinned one, which pip downloads once into the store.
 * @throws CambiumError `UV_MISSING` (exit 3) when there is neither uv nor pip; `UV_FETCH` when pip cannot download it;
 * `DIGEST_INVALID` when what came is not the pinned file; `PYTHON_MISSING` when there is no interpreter for it.
 */
export async function findUv(options: UvToolOptions): Promise<UvTool> {
  const found = (await uvOnPath(options)) ?? (await uvInStore(options));
  const interpreter = await interpreterFor(options);
  return interpreter === undefined ? found : { ...found, interpreter };
}

async function uvOnPath(options: UvToolOptions): Promise<UvTool | undefined> {
  const path = findOnPath(options.env, "uv");
  if (path === undefined) return undefined;
  const version = await versionOf(path, options);
  if (version === undefined || compareVersions(tryVersion(version)!, tryVersion(OLDEST_UV)!) < 0)
    return undefined;
  return { path, version };
}

async function versionOf(path: string, options: UvToolOptions): Promise<string | undefined> {
  try {
    const env = { PATH: options.env.PATH, UV_NO_CONFIG: "1", NO_COLOR: "1" };
    const result = await runProcess({
      file: path,
      args: ["--version"],
      env,
      cwd: "/",
      signal: options.signal,
    });
    const version = /^uv (\d\S*)/.exec(result.stdout)?.[1];
    return version !== undefined && tryVersion(version) !== undefined ? version : undefined;
  } catch (error) {
    // A broken uv on PATH is no reason to fail while another can be had.
    if (error instanceof CambiumError && error.code === "PROCESS_START") return undefined;
    throw error;
  }
}

async function uvInStore(options: UvToolOptions): Promise<UvTool> {
  const folder = join(options.toolsDir, `uv-${UV_VERSION}`);
  const path = join(folder, process.platform === "win32" ? "uv.exe" : "uv");
  const tool = { path, version: UV_VERSION };
  // The folder gets its name only when it is whole.
  if (isFile(path)) return tool;
  await options.exclusive(`tool uv ${UV_VERSION}`, async () => {
    if (!isFile(path)) await fetchUv(options, folder);
  });
  return tool;
}

async function fetchUv(options: UvToolOptions, folder: string): Promise<void> {
  const pip = pipCommand(options.env);
  if (pip === undefined) {
    throw environmentError(
      "UV_MISSING",
      "resolving requirements needs uv, and neither uv nor pip is on PATH",
      HINT,
    );
  }
  options.onFetch?.(UV_VERSION);
  await mkdir(options.toolsDir, { recursive: true });
  const temporary = await mkdtemp(join(options.toolsDir, `.uv-${process.pid}-`));
  try {
    const wheel = await downloadWheel(options, pip, temporary);
    const name = process.platform === "win32" ? "uv.exe" : "uv";
    const ready = join(temporary, "ready");
    await mkdir(ready);
    await writeProgram(wheel, `uv-${UV_VERSION}.data/scripts/${name}`, join(ready, name));
    freeBytes(wheel);
    await rename(ready, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** pip runs with the user's own environment and configuration: it is the user's pip asking the user's index. */
async function downloadWheel(
  options: UvToolOptions,
  pip: readonly string[],
  folder: string,
): Promise<Buffer> {
  const [file, ...first] = pip as [string, ...string[]];
  const flags = [
    "--no-deps",
    "--only-binary",
    ":all:",
    "--disable-pip-version-check",
    "--no-input",
    "--quiet",
  ];
  const args = [...first, "download", `uv==${UV_VERSION}`, ...flags, "--dest", join(folder, "wheel")];
  const result = await runProcess({ file, args, env: options.env, cwd: folder, signal: options.signal });
  const names = result.code === 0 ? await readdir(join(folder, "wheel")) : [];
  const name = names.find((entry) => entry.startsWith("uv-") && entry.endsWith(".whl"));
  if (name === undefined) {
    throw environmentError(
      "UV_FETCH",
      `pip could not download uv ${UV_VERSION}: ${lastLine(result.stderr) ?? `exit code ${result.code}`}`,
      `Check pip's index and the network, or put uv ${OLDEST_UV} or newer on PATH.`,
    );
  }
  const bytes = await readFile(join(folder, "wheel", name)).catch((error) => {
    throw environmentError("UV_FETCH", `cannot read ${name}: ${messageOf(error)}`, undefined, error);
  });
  assertPinned(name, bytes);
  return bytes;
}

/** @throws CambiumError `UV_FETCH` for a platform without a pin, `DIGEST_INVALID` for other bytes. */
export function assertPinned(name: string, bytes: Uint8Array): void {
  const want = WHEELS[name.replace(`uv-${UV_VERSION}-py3-none-`, "").replace(/\.whl$/, "")];
  if (want === undefined) {
    throw environmentError(
      "UV_FETCH",
      `no digest is pinned for ${name}`,
      "Put uv on PATH for this platform.",
    );
  }
  const got = createHash("sha256").update(bytes).digest("hex");
  if (got !== want) {
    throw new CambiumError("DIGEST_INVALID", `${name}: want sha256:${want}, got sha256:${got}`, {
      hint: "The index served another file than the one released; check which index pip uses.",
    });
  }
}

function pipCommand(env: Environment): string[] | undefined {
  for (const name of ["pip", "pip3"]) {
    const path = findOnPath(env, name);
    if (path !== undefined) return [path];
  }
  const python = findOnPath(env, "python3") ?? findOnPath(env, "python");
  return python === undefined ? undefined : [python, "-m", "pip"];
}

/**
 * A pyenv shim is a shell script that uv must run each time (0.45 s measured), so a real program on PATH goes first.
 * On macOS uv chooses by itself: the system's python3 may be a stub that opens a dialog.
 */
async function interpreterFor(options: UvToolOptions): Promise<string | undefined> {
  const found = ["python3", "python"].flatMap((name) => allOnPath(options.env, name));
  if (found.length > 0)
    return process.platform === "linux" ? found.find((path) => !isScript(path)) : undefined;
  if (options.fallbackInterpreter !== undefined) return options.fallbackInterpreter();
  throw environmentError(
    "PYTHON_MISSING",
    "uv needs some Python interpreter to resolve with, and none is on PATH",
    "Install python3 (any version), or build from a lock that has everything (cambium build --locked).",
  );
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isScript(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const start = Buffer.alloc(2);
    readSync(fd, start, 0, 2, 0);
    return start.toString("latin1") === "#!";
  } finally {
    closeSync(fd);
  }
}

/** The last line of pip's complaint; URLs in it are shown without credentials. */
function lastLine(text: string): string | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const line = lines.findLast((candidate) => candidate.startsWith("ERROR")) ?? lines.at(-1);
  return line?.trim().replace(/:\/\/[^/\s]*@/g, "://****@");
}

/** In pieces: the wheel has 17 MB, its program 40. */
async function writeProgram(wheel: Uint8Array, name: string, path: string): Promise<void> {
  const source = archiveInMemory(wheel, "uv");
  const member = readArchive(source, "uv").members.find((it) => it.name === name);
  if (member?.compression !== "deflate") {
    throw new CambiumError("UV_FETCH", `the downloaded uv has no ${name}, or not deflated`, {
      hint: "Install uv yourself and put it on PATH.",
    });
  }
  const { dataOffset: offset, compressedBytes: length, crc32 } = member;
  const payload = { blob: digestOf(wheel), offset, length, crc32 };
  const reader: BlobReader = { read: (_blob, at, target) => source.read(at, target) };
  const fd = openSync(path, "wx", 0o755);
  try {
    await inflatePayload(reader, payload, member.sizeBytes, name, (bytes) => writeFileSync(fd, bytes));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
