import { lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { runProcess } from "../../ecosystems/python/uv/run-process.ts";
import { CambiumError, environmentError, usageError } from "../../errors.ts";
import { redactUrl } from "../../fetch/redact.ts";
import { isCommit } from "../../graph/defined-stages.ts";
import type { CopySourceOp } from "../../graph/stages.ts";
import type { Workbench } from "../workbench.ts";

export type GitOp = Extract<CopySourceOp, { kind: "git" }>;
type Bench = Pick<Workbench, "env" | "signal">;

/** What git may take from the caller's environment: the way to the network, and keys that an agent holds. */
const PASSED_ON = [
  ...["PATH", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "GIT_SSL_CAINFO"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"],
  ...["http_proxy", "https_proxy", "no_proxy", "all_proxy"],
];
/** For the shell, in one repository; `read-tree` writes an index without the stamps of this machine's files. */
const SETTLE = [
  'd="$(git rev-parse --absolute-git-dir)"',
  "git -c pack.threads=1 repack -q -a -d -f",
  "git prune-packed -q",
  'rm -rf "$d/logs" "$d/FETCH_HEAD" "$d/ORIG_HEAD" "$d/index"',
  "git read-tree HEAD",
].join(" && ");

export type ResolvedCommit = {
  readonly commit: string;
  /** `refs/heads/main`; absent for the default branch and for a commit that was given by its id. */
  readonly refName?: string;
};

/**
 * The commit that a source means now: a full id is itself and asks nobody; a branch goes before a tag of its name.
 * @throws CambiumError `GIT_REF`, `GIT_CHECKSUM`, `GIT_FAILED`, `GIT_MISSING`.
 */
export async function resolveCommit(op: GitOp, folder: string, bench: Bench): Promise<ResolvedCommit> {
  const { ref = "HEAD", resolved } = op;
  if (resolved !== undefined) {
    assertChecksum(op, [resolved.commit]);
    return resolved;
  }
  if (isCommit(ref)) {
    assertChecksum(op, [ref]);
    return { commit: ref };
  }
  const lines = await git(["ls-remote", "--", op.url, ref, `${ref}^{}`], folder, bench, op);
  const ids = new Map(
    lines.split("\n").flatMap((line) => {
      const [id = "", name] = line.split("\t");
      return name !== undefined && isCommit(id) ? [[name, id] as const] : [];
    }),
  );
  const exact = ref === "HEAD" ? ref : `refs/${ref.replace(/^refs\//, "")}`;
  const branch = `refs/heads/${ref.replace(/^refs\/heads\//, "")}`;
  const tag = `refs/tags/${ref.replace(/^refs\/tags\//, "")}`;
  const refName = [exact, branch, tag].find((name) => ids.has(name));
  if (refName === undefined) {
    throw usageError(
      "GIT_REF",
      `${redactUrl(op.url)}: no branch, tag or commit ${JSON.stringify(ref)}`,
      "Check its name; of a commit write all 40 digits.",
    );
  }
  const id = ids.get(refName)!;
  // What an annotated tag is of.
  const commit = ids.get(`${refName}^{}`) ?? id;
  assertChecksum(op, [...new Set([commit, id])]);
  return refName === "HEAD" ? { commit } : { commit, refName };
}

/** Whether it says a commit by itself, in full. */
export function namesCommit({ ref }: GitOp): boolean {
  return ref !== undefined && isCommit(ref);
}

/** Of a tag, its own id will do too. */
function assertChecksum({ url, checksum }: GitOp, ids: readonly string[]): void {
  if (checksum === undefined || ids.some((id) => id.startsWith(checksum))) return;
  throw new CambiumError(
    "GIT_CHECKSUM",
    `${redactUrl(url)}: want commit ${checksum}, got ${ids.join(" or ")}`,
    { hint: "The branch or tag moved. If that is meant, change the checksum." },
  );
}

/**
 * Checks a commit out into `folder`, which must be empty, with its submodules, as files of 0644 and 0755 whatever the
 * caller's umask. Nothing of the host's configuration counts, and no hook runs.
 * @returns the folder that is the source: the checkout, or the subdirectory that `op` names.
 * @throws CambiumError `GIT_FAILED`, `GIT_MISSING`, `GIT_SUBDIRECTORY`.
 */
export async function checkOut(
  op: GitOp,
  { commit, refName }: ResolvedCommit,
  folder: string,
  bench: Bench,
): Promise<string> {
  const run = (...args: string[]) => git(args, folder, bench, op);
  const format = commit.length === 64 ? ["--object-format=sha256"] : [];
  await run("-c", "init.defaultBranch=master", "init", "-q", "--template=", ...format);
  await fetchCommit(op, commit, run);
  const isKept = op.keepsGitFolder && parts(op.subdirectory).length === 0;
  await run("-c", "advice.detachedHead=false", "checkout", "-q", commit);
  await run("submodule", "update", "-q", "--init", "--recursive", "--depth=1");
  if (isKept) await settle(op, refName, run);
  let source = folder;
  for (const part of parts(op.subdirectory)) {
    source = join(source, part);
    const isDirectory = lstatSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
    if (!isDirectory || part === ".git") {
      throw usageError(
        "GIT_SUBDIRECTORY",
        `${redactUrl(op.url)}: no directory ${JSON.stringify(op.subdirectory)} in ${commit}`,
        "Name a directory of the repository; links are not followed.",
      );
    }
  }
  return source;
}

type Run = (...args: string[]) => Promise<string>;

/** The commit alone where the server gives commits by id; else what its branch or tag has, else everything. */
async function fetchCommit({ url, ref }: GitOp, commit: string, run: Run): Promise<void> {
  const shallow = ["fetch", "-q", "--depth=1", "--no-tags", "--", url];
  const named = ref === undefined || isCommit(ref) ? [] : [[...shallow, ref]];
  const everything = ["fetch", "-q", "--tags", "--", url, "+refs/heads/*:refs/remotes/origin/*"];
  let failure: unknown;
  for (const attempt of [[...shallow, commit], ...named, everything]) {
    try {
      await run(...attempt);
      await run("cat-file", "-e", `${commit}^{commit}`);
      return;
    } catch (error) {
      if (!(error instanceof CambiumError) || error.code !== "GIT_FAILED") throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Makes a `.git` that depends on the commit and not on when and how it was fetched: one pack, no stamps, no log. */
async function settle(op: GitOp, refName: string | undefined, run: Run): Promise<void> {
  await run("remote", "add", "origin", redactUrl(op.url));
  if (refName !== undefined) await run("update-ref", refName, "HEAD");
  await run("submodule", "foreach", "-q", "--recursive", SETTLE);
  await run("-c", `alias.settle=!${SETTLE}`, "settle");
}

function parts(subdirectory = ""): string[] {
  const found: string[] = [];
  for (const part of subdirectory.split("/")) {
    if (part === "..") found.pop();
    else if (part !== "" && part !== ".") found.push(part);
  }
  return found;
}

async function git(args: readonly string[], folder: string, bench: Bench, op: GitOp): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const passed = PASSED_ON.flatMap((name) =>
    bench.env[name] === undefined ? [] : [[name, bench.env[name]]],
  );
  const { code, stdout, stderr } = await runProcess({
    file: "/bin/sh",
    // git has no option for the umask.
    args: ["-c", 'umask 022 && exec git "$@"', "git", "-c", "core.hooksPath=/dev/null", ...args],
    cwd: folder,
    env: {
      ...Object.fromEntries(passed),
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_ATTR_NOSYSTEM: "1",
      GIT_TEMPLATE_DIR: "",
      GIT_TERMINAL_PROMPT: "0",
      GIT_ALLOW_PROTOCOL: "http:https:git:ssh",
      GIT_SSH_COMMAND: "ssh -F /dev/null -o BatchMode=yes",
      HOME: folder,
      LC_ALL: "C",
    },
    signal: bench.signal,
  });
  if (code === 0) return stdout;
  if (code === 127) {
    throw environmentError(
      "GIT_MISSING",
      "git is not there, which ADD of a repository needs",
      "Install git.",
    );
  }
  const said = stderr.replaceAll(op.url, redactUrl(op.url)).trim().split("\n").slice(-3).join("; ");
  throw environmentError(
    "GIT_FAILED",
    `${redactUrl(op.url)}: git ${args.find((arg) => !arg.startsWith("-") && !arg.includes("=")) ?? ""}: ${said}`,
    "Check the address and the network; prompts for a password are never answered.",
  );
}
