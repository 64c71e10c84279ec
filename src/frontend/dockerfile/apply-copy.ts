import { usageError } from "../../errors.ts";
import { cleanPath, destinationPath, parentsPath, sourcePath } from "../../graph/paths.ts";
import type { CopySourceOp, FileSource } from "../../graph/stages.ts";
import { isMode } from "./chmod.ts";
import { parseGitSource } from "./git-source.ts";
import { isIgnored } from "./ignored.ts";
import type { CopyInstruction, CopySource, InstructionHead, Text } from "./instructions.ts";
import type { StageState } from "./stage-state.ts";
import { expandOrThrow, type Surroundings, warnOfMissing } from "./surroundings.ts";

/** Digests as Go's digest package knows them. */
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
/** What a file is called whose URL has no name. */
const UNNAMED = "__unnamed__";

type Put = (text: Text) => string;
type PathSource = Extract<CopySource, { readonly kind: "path" }>;

export function applyCopy(
  state: StageState,
  instruction: CopyInstruction & InstructionHead,
  around: Surroundings,
  put: Put,
): void {
  const owner = flagValue(instruction.chown, put);
  const chmod = flagValue(instruction.chmod, put);
  if (chmod !== undefined && !isMode(chmod)) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${instruction.chmod!.where}: not a mode: ${JSON.stringify(chmod)}`,
      "Write it in octal up to 07777, or like u+x,go=r.",
    );
  }
  const checksum = flagValue(instruction.checksum, put);
  const paths = instruction.sources.filter((source) => source.kind === "path");
  const written = paths.map((source) => ({ text: put(source), where: source.where }));
  if (checksum !== undefined) assertChecksum(checksum, instruction.checksum!.where, written);
  const destination = put(instruction.destination);
  const bodies = instruction.sources.filter((source) => source.kind === "heredoc");
  const flags = [
    ...(instruction.keepsParents ? [" --parents"] : []),
    ...(owner === undefined ? [] : [` --chown=${owner}`]),
    ...(chmod === undefined ? [] : [` --chmod=${chmod}`]),
  ];
  const names = [...written.map(({ text }) => text), ...bodies.map(({ name }) => `<<${name}`), destination];
  state.steps.push({
    op: "copy",
    line: instruction.line,
    text: `${instruction.isAdd ? "ADD" : "COPY"}${flags.join("")} ${names.join(" ")} # buildkit`,
    sources: [
      ...grouped(written.map((source) => sourceOf(source, instruction, checksum, around))),
      ...bodies.map((source) => inlineOf(source, state, instruction, around)),
    ],
    destination: destinationPath(state.folder, destination),
    ...(owner !== undefined && { owner }),
    ...(chmod !== undefined && { chmod }),
    // BuildKit copies onto what is there where a mode is asked for.
    isLinked: instruction.isLinked && chmod === undefined,
    keepsParents: instruction.keepsParents,
    exclude: instruction.exclude,
  });
}

/** An expanded flag; an empty one is as none. */
function flagValue(flag: Text | undefined, put: Put): string | undefined {
  const value = flag === undefined ? "" : put(flag);
  return value === "" ? undefined : value;
}

/** Files of one place come together, in their order. */
function grouped(sources: readonly CopySourceOp[]): CopySourceOp[] {
  const groups: CopySourceOp[] = [];
  for (const source of sources) {
    const last = groups.at(-1);
    if (source.kind === "files" && last?.kind === "files") {
      groups[groups.length - 1] = { ...last, paths: [...last.paths, ...source.paths] };
    } else groups.push(source);
  }
  return groups;
}

function sourceOf(
  { text, where }: Text,
  instruction: CopyInstruction & InstructionHead,
  checksum: string | undefined,
  around: Surroundings,
): CopySourceOp {
  const git = parseGitSource(text);
  const isUrl = isHttp(text);
  if ((git !== undefined || isUrl) && !instruction.isAdd) {
    const kind = git === undefined ? "URL" : "git repository";
    throw usageError(
      "DOCKERFILE_SYNTAX",
      `${where}: COPY takes no ${kind}: ${JSON.stringify(text)}`,
      "Write ADD instead of COPY.",
    );
  }
  if (git !== undefined) return gitOf(git, instruction, checksum, where);
  if (isUrl) {
    const isUnpacked = instruction.isUnpacked === true;
    return {
      kind: "http",
      url: text,
      name: nameOf(text),
      ...(checksum !== undefined && { checksum }),
      isUnpacked,
    };
  }
  if (instruction.from === undefined && isIgnored(text, around.ignoreRules)) {
    const { line, comments } = instruction;
    around.warnings.add("CopyIgnoredFile", `${text} is left out of the build context`, line, comments);
  }
  const from: FileSource =
    instruction.from === undefined ? { kind: "context" } : around.copySource(instruction.from.text);
  const path = instruction.keepsParents ? parentsPath(text) : sourcePath(text);
  return {
    kind: "files",
    from,
    paths: [path],
    isUnpacked: instruction.isAdd && instruction.isUnpacked !== false,
  };
}

function gitOf(
  git: NonNullable<ReturnType<typeof parseGitSource>>,
  instruction: CopyInstruction,
  checksum: string | undefined,
  where: string,
): CopySourceOp {
  if ("problem" in git) throw usageError("DOCKERFILE_SYNTAX", `${where}: ${git.problem}`);
  const { keepsGitFolder = instruction.keepsGitFolder } = git;
  if (instruction.keepsGitFolder !== undefined && instruction.keepsGitFolder !== keepsGitFolder) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${where}: --keep-git-dir and the URL contradict: ${JSON.stringify(git.url)}`,
    );
  }
  if (checksum !== undefined && git.checksum !== undefined && git.checksum !== checksum) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${where}: --checksum and the URL contradict: ${checksum}, ${git.checksum}`,
    );
  }
  return {
    kind: "git",
    ...git,
    ...(checksum !== undefined && { checksum }),
    keepsGitFolder: keepsGitFolder === true,
  };
}

function isHttp(text: string): boolean {
  return /^https?:\/\//.test(text);
}

/** The last part of a URL's path. */
function nameOf(url: string): string {
  const path = URL.parse(url)?.pathname ?? "";
  const last = cleanPath(path).split("/").at(-1)!;
  try {
    return decodeURIComponent(last) || UNNAMED;
  } catch {
    return last;
  }
}

function assertChecksum(checksum: string, where: string, sources: readonly Text[]): void {
  const [only, ...more] = sources;
  const git = only === undefined ? undefined : parseGitSource(only.text);
  const isRemote = only !== undefined && (git !== undefined || isHttp(only.text));
  if (!isRemote || more.length > 0) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${where}: --checksum is for one source that is a URL or a git repository`,
      "Write an ADD for each.",
    );
  }
  if (git === undefined && !DIGEST.test(checksum)) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${where}: not a digest: ${JSON.stringify(checksum)}`,
      "Write sha256: and 64 lower-case hex digits.",
    );
  }
}

function inlineOf(
  source: Exclude<CopySource, PathSource>,
  state: StageState,
  head: InstructionHead,
  around: Surroundings,
): CopySourceOp {
  if (!source.isExpanded) return { kind: "inline", name: source.name, content: source.body.text };
  // Whatever the file's escape character, in a heredoc it is the backslash.
  const { text, missing } = expandOrThrow(source.body, state.variables, "\\", true);
  warnOfMissing(missing, state, head, around);
  return { kind: "inline", name: source.name, content: text };
}
