import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { CambiumError, environmentError } from "../../../errors.ts";
import { temporaryPath } from "../../../store/temporary.ts";
import { type CredentialBook, withCredentials } from "../index/credentials.ts";
import type { IndexSettings } from "../index/index-settings.ts";
import { indexTable, uvConfig, uvEnvironment } from "../index/uv-config.ts";
import type { WantedRequirement } from "../requirements/wanted.ts";
import { formatRequirement } from "../standards/requirement.ts";
import type { PythonTarget } from "../target.ts";
import { type ProcessResult, runProcess } from "./run-process.ts";
import type { UvTool } from "./uv-tool.ts";
import { readSkipped, type SkippedVersion } from "./uv-trace.ts";

/** What a run of uv needs besides the question. */
export type UvSession = {
  readonly tool: UvTool;
  /** The caller's; only a few variables reach uv. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** uv's own cache, below the store's `tools`. */
  readonly cacheDir: string;
  /** Where folders for single runs are made and removed again. */
  readonly temporaryDir: string;
  readonly settings: IndexSettings;
  readonly credentials: CredentialBook;
  readonly signal?: AbortSignal | undefined;
};

export type UvQuestion = {
  readonly requirements: readonly WantedRequirement[];
  readonly constraints: readonly WantedRequirement[];
  readonly overrides: readonly WantedRequirement[];
  readonly target: PythonTarget;
  /** Versions to stay with where the requirements allow it. */
  readonly preferences: ReadonlyMap<string, string>;
  readonly withoutDependencies?: boolean;
  /** Answer from uv's cache alone. */
  readonly isOffline?: boolean;
  /** For every platform instead of the target's. */
  readonly isUniversal?: boolean;
};

/** `pylock` is the text of a `pylock.toml` with the target's files. */
export type UvAnswer = {
  readonly pylock: string;
  readonly skipped: readonly SkippedVersion[];
  /** What uv warned of, such as a yanked version. */
  readonly warnings: readonly string[];
};

/** uv has no `--python-platform` above it; wheels for a newer glibc are hardly made yet. */
const NEWEST_GLIBC_OF_UV = 40;

/**
 * Asks uv which releases meet the requirements for one target. uv never builds (it would run project code here), never
 * fetches a Python, sees no configuration but ours, no host project, and no secret in its arguments or its folder.
 * @throws CambiumError `RESOLUTION_FAILED` with uv's reasons; `INDEX_UNREACHABLE` (exit 3) when an index does not
 * answer; `PYTHON_MISSING` (exit 3) when uv finds no interpreter.
 */
export async function compileWithUv(session: UvSession, question: UvQuestion): Promise<UvAnswer> {
  // Named so that a later prune removes it when this process is killed.
  const folder = temporaryPath(session.temporaryDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const args = [...(await writeInputs(session, question, folder)), ...targetArguments(question)];
    const result = await runProcess({
      file: session.tool.path,
      args: session.tool.interpreter === undefined ? args : [...args, "--python", session.tool.interpreter],
      env: {
        ...uvEnvironment(session.settings, session.env, session.cacheDir),
        RUST_LOG: "uv_resolver::candidate_selector=trace",
      },
      cwd: folder,
      stdin: requirementsText(question.requirements, session, (wanted) => !isForProjectFile(wanted, session)),
      signal: session.signal,
    });
    if (result.code !== 0) throw failure(result, session, folder);
    return {
      pylock: result.stdout,
      skipped: readSkipped(result.stderr),
      warnings: warningsIn(session.credentials.redact(result.stderr)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Files of one run, and the arguments that name them. */
async function writeInputs(session: UvSession, question: UvQuestion, folder: string): Promise<string[]> {
  const write = async (name: string, text: string) => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return name;
  };
  const list = (wanted: readonly WantedRequirement[]) =>
    wanted.map((one) => `${formatRequirement(one.requirement)}\n`).join("");
  const args = ["pip", "compile", "-", "--format", "pylock.toml", "--no-header", "--no-progress"];
  args.push(
    "--no-build",
    "--no-python-downloads",
    "--config-file",
    await write("uv.toml", uvConfig(session.settings)),
  );
  if (question.constraints.length > 0) {
    args.push("--constraints", await write("constraints.txt", list(question.constraints)));
  }
  if (question.overrides.length > 0)
    args.push("--overrides", await write("overrides.txt", list(question.overrides)));
  if (Object.keys(session.settings.sources).length > 0) {
    args.push(await write("pyproject.toml", projectFile(question, session)));
  }
  if (question.preferences.size > 0) {
    args.push("--output-file", await write("pylock.toml", preferencesFile(question.preferences)));
  }
  return args;
}

function targetArguments(question: UvQuestion): string[] {
  const { target } = question;
  const args = ["--python-version", target.version];
  if (question.isUniversal === true) args.push("--universal");
  else args.push("--python-platform", uvPlatform(target));
  if (question.withoutDependencies === true) args.push("--no-deps");
  if (question.isOffline === true) args.push("--offline");
  return args;
}

/** uv's word for the target. */
export function uvPlatform(target: PythonTarget): string {
  const machine = target.platform.architecture === "arm64" ? "aarch64" : "x86_64";
  return `${machine}-manylinux_2_${Math.min(target.glibc[1], NEWEST_GLIBC_OF_UV)}`;
}

/** uv takes an index for one distribution only from a project's `[tool.uv.sources]`. */
function isForProjectFile(wanted: WantedRequirement, session: UvSession): boolean {
  return (
    wanted.requirement.url === undefined && session.settings.sources[wanted.requirement.name] !== undefined
  );
}

function projectFile(question: UvQuestion, session: UvSession): string {
  const requirements = question.requirements.filter((wanted) => isForProjectFile(wanted, session));
  return stringify({
    project: {
      name: "cambium-requirements",
      version: "0",
      dependencies: requirements.map(({ requirement }) => formatRequirement(requirement)),
    },
    tool: {
      uv: {
        index: session.settings.indexes.filter(({ kind }) => kind !== "links").map(indexTable),
        sources: Object.fromEntries(
          requirements.map(({ requirement }) => [
            requirement.name,
            session.settings.sources[requirement.name]!,
          ]),
        ),
      },
    },
  });
}

/** For uv's standard input, which nobody else reads: the URLs get their credentials back. */
function requirementsText(
  wanted: readonly WantedRequirement[],
  session: UvSession,
  isIncluded: (wanted: WantedRequirement) => boolean,
): string {
  const lines = wanted.filter(isIncluded).map((one) => {
    const { url } = one.requirement;
    const credentials = url === undefined ? undefined : session.credentials.credentialsFor(url);
    if (url === undefined || credentials === undefined) return formatRequirement(one.requirement);
    return formatRequirement({ ...one.requirement, url: withCredentials(url, credentials) });
  });
  return `${lines.join("\n")}\n`;
}

/** An output file that is there already holds what uv stays with. Name and version are all that it looks at. */
function preferencesFile(preferences: ReadonlyMap<string, string>): string {
  const packages = [...preferences].map(([name, version]) => ({ name, version }));
  return stringify({ "lock-version": "1.0", "created-by": "cambium", packages });
}

function failure(result: ProcessResult, session: UvSession, folder: string): CambiumError {
  const reasons = session.credentials.redact(withoutLog(result.stderr)).replaceAll(`${folder}/`, "");
  if (/No interpreter found|No Python (?:installation|interpreter)|Failed to inspect Python/i.test(reasons)) {
    return environmentError(
      "PYTHON_MISSING",
      `uv cannot use a Python interpreter of this machine:\n${reasons}`,
      "Install python3 (any version), or build from a lock that has everything (cambium build --locked).",
    );
  }
  const isUnsatisfiable = /No solution found/i.test(reasons);
  if (!isUnsatisfiable && NETWORK.test(reasons)) {
    return environmentError(
      "INDEX_UNREACHABLE",
      `uv cannot reach a package index:\n${reasons}`,
      /\b(429|5\d\d)\b/.test(reasons)
        ? "The index is busy or broken: try again later, or use a mirror of it (--index-url)."
        : "Check the index's address, the proxy and the certificate settings (index-url, SSL_CERT_FILE), then try again.",
    );
  }
  const what = isUnsatisfiable ? "no versions meet the requirements" : "uv cannot resolve the requirements";
  return new CambiumError("RESOLUTION_FAILED", `${what}:\n${reasons}`, { hint: hintFor(reasons) });
}

const NETWORK =
  /error sending request|connection|connect error|timed out|\bdns\b|certificate|Request failed after|status server error/i;

function warningsIn(stderr: string): string[] {
  return [...stderr.matchAll(/^warning: (.+)$/gm)].map((match) => match[1]!.trim());
}

function hintFor(reasons: string): string {
  if (/\b(401|403)\b|Unauthorized|Forbidden|authenticat/i.test(reasons)) {
    return "Give the index's credentials in its URL, in .netrc, in a keyring or in UV_INDEX_<NAME>_USERNAME and _PASSWORD.";
  }
  if (/no (usable )?wheels|--no-build|Wheels are (required|available)/i.test(reasons)) {
    return "Cambium takes wheels and builds nothing yet: allow a version that has one for this target, or add a folder with your own wheel (find-links).";
  }
  return "Change the requirement that the reasons above name.";
}

/** uv's own words, without the log lines that we asked for. */
function withoutLog(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => !/^(TRACE|DEBUG|INFO|WARN) /.test(line));
  const start = lines.findIndex((line) => /^\s*(error\b|×)/.test(line));
  return lines
    .slice(Math.max(start, 0))
    .join("\n")
    .replace(/^error: /, "")
    .trim();
}
