import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A pinned wheel for CPython 3.11 on x86-64 glibc; found by name and digest in whatever index pip is configured for. */
export type CorpusWheel = {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly sha256: string;
};

export const corpus: readonly CorpusWheel[] = JSON.parse(
  readFileSync(new URL("corpus.json", import.meta.url), "utf8"),
);

/** The pip that the corpus is compared with, itself a wheel that runs without being installed. */
export const pipWheel: CorpusWheel = {
  name: "pip",
  version: "26.3",
  filename: "pip-26.3-py3-none-any.whl",
  sha256: "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
};

/** The interpreter that the corpus is for; Debian 12 has it. */
export const PYTHON = "/usr/bin/python3.11";

const cache = resolve(import.meta.dirname, "../../.cache/python-corpus");

/** Path of a wheel that `fetchCorpus` has brought. */
export function wheelPath(wheel: CorpusWheel): string {
  return join(cache, wheel.filename);
}

/** The command line that runs `argv` in a mount namespace of its own; as root, or with a user namespace. */
export function namespaceCommand(...argv: string[]): string[] {
  return ["unshare", "--mount", ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]), ...argv];
}

/** Downloads pip's wheel unless it is here, with pip as it is configured here. */
export async function fetchPip(): Promise<void> {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing; on Debian 12: apt-get install python3.11`);
  mkdirSync(cache, { recursive: true });
  // Some Python with pip, whichever: Debian's own may have none.
  await fetchWheels([pipWheel], ["python3", "-m", "pip"]);
}

/** Downloads what the cache lacks of the corpus: some 130 MB the first time, nothing later. */
export async function fetchCorpus(): Promise<void> {
  await fetchPip();
  await fetchWheels(corpus, [PYTHON, join(wheelPath(pipWheel), "pip")]);
}

/** Every digest is checked here too. */
async function fetchWheels(
  wheels: readonly CorpusWheel[],
  [python, ...pip]: readonly [string, ...string[]],
): Promise<void> {
  const missing = wheels.filter((wheel) => !isIntact(wheel));
  if (missing.length === 0) return;
  const incoming = join(cache, `incoming-${process.pid}`);
  mkdirSync(incoming, { recursive: true });
  const list = join(incoming, "requirements.txt");
  writeFileSync(list, missing.map((it) => `${it.name}==${it.version} --hash=sha256:${it.sha256}\n`).join(""));
  const options = [
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "--quiet",
    "-d",
    incoming,
    "-r",
    list,
  ];
  await run(python, [...pip, "download", "--disable-pip-version-check", ...options]);
  for (const wheel of missing) renameSync(join(incoming, wheel.filename), wheelPath(wheel));
  rmSync(incoming, { recursive: true });
  const wrong = missing.filter((wheel) => !isIntact(wheel));
  if (wrong.length > 0) throw new Error(`downloaded, but not as pinned: ${wrong.map((it) => it.filename)}`);
}

function isIntact(wheel: CorpusWheel): boolean {
  const path = wheelPath(wheel);
  if (!existsSync(path)) return false;
  return createHash("sha256").update(readFileSync(path)).digest("hex") === wheel.sha256;
}
