import { parseByteSize } from "../../byte-size.ts";
import { usageError } from "../../errors.ts";
import type {
  DefinedCopySource,
  DefinedMount,
  DefinedSource,
  DefinedStep,
} from "../../graph/defined-stages.ts";
import type { FileOp } from "../../graph/definition.ts";
import { AGENT_SOCKET, DEFAULT_SHELL, SECRET_FOLDER } from "../../graph/mount-places.ts";
import { cleanPath, joinPath, sourcePath } from "../../graph/paths.ts";
import type { CopySpec, StepSpec } from "./schema.ts";
import {
  type GitSpec,
  type HttpSpec,
  MOUNT_KEYS,
  type MountSpec,
  type RunItem,
  type RunObject,
  type RunSpec,
} from "./step-schema.ts";
import { copiesOf, destinationOf, envOf, fullReference, listOf, modeOf } from "./to-definition.ts";

/** A step, and where it stands for messages. */
export type WrittenStep = { readonly step: StepSpec; readonly at: string };

/** The number of a stage that is known to be there. */
export type StageNames = (name: string) => number;

type Surroundings = {
  /** Absolute: where relative paths begin. */
  readonly workdir: string;
  /** Of the stage, for messages: `build, ` or nothing. */
  readonly place: string;
  readonly names: StageNames;
};

/** Modes do not depend on the umask under which the project was checked out. */
const USUAL_MODES = "u=rwX,go=rX";

/** @throws CambiumError `SPEC_INVALID`, `REFERENCE_SYNTAX`. */
export function toSteps(
  written: readonly WrittenStep[],
  around: Surroundings,
  before: readonly GenerateOp[] = [],
): DefinedStep[] {
  const own = written.flatMap(({ step, at }) => [
    ...copiesOf(step.copy).map((copy) => copyStep(copy, at, around)),
    ...(step.run === undefined ? [] : runsOf(step.run).map((run) => runStep(run, at, around))),
    ...(step.http === undefined ? [] : [httpStep(step.http, at, around)]),
    ...(step.git === undefined ? [] : [gitStep(step.git, at, around)]),
    ...(step.merge === undefined ? [] : [mergeStep(listOf(step.merge), around)]),
  ]);
  const bare = [...before.map(generateStep), ...own];
  return bare.map((step, i) => ({ ...step, line: i + 1, where: `${around.place}step ${i + 1}` }));
}

/** Every command by itself. */
export function runsOf(run: RunSpec): readonly RunItem[] {
  return Array.isArray(run) ? run : [run as RunItem];
}

type Bare = DefinedStep extends infer Step ? (Step extends DefinedStep ? Omit<Step, "line"> : never) : never;

/** Files that are laid before all steps, such as an editable install. */
export type GenerateOp = Extract<FileOp, { readonly op: "generate" }>;

function generateStep({ name, files }: GenerateOp): Bare {
  return { ...bareCopy([{ kind: "generated", files }], "/"), text: `INSTALL ${name}` };
}

function copyStep(copy: CopySpec, at: string, around: Surroundings): Bare {
  const from = sourceOf(copy, at, around) ?? { kind: "context" };
  const paths = listOf(copy.from).map(sourcePath);
  const isOurs = from.kind === "context";
  const chmod = copy.chmod === undefined ? (isOurs ? { chmod: USUAL_MODES } : {}) : chmodOf(copy.chmod);
  const destination = destinationOf(copy.to, around.workdir);
  return {
    ...bareCopy([{ kind: "files", from, paths, isUnpacked: false }], destination),
    text: `COPY ${listOf(copy.from).join(" ")} ${destination}`,
    ...(copy.owner !== undefined && { owner: copy.owner }),
    ...chmod,
    exclude: copy.exclude ?? [],
  };
}

function bareCopy(sources: readonly DefinedCopySource[], destination: string) {
  return { op: "copy", sources, destination, isLinked: false, keepsParents: false, exclude: [] } as const;
}

/** Octal digits, with the directories that a mode for files would close left open. */
function chmodOf(mode: string | number) {
  return { chmod: modeOf(mode).toString(8), opensDirectories: true };
}

/** Undefined where nothing but the build context is meant. */
function sourceOf(
  { stage, image }: { readonly stage?: string | undefined; readonly image?: string | undefined },
  at: string,
  { names }: Surroundings,
): DefinedSource | undefined {
  if (stage !== undefined && image !== undefined) {
    throw usageError("SPEC_INVALID", `${at}: stage and image both say where files come from`, "Keep one.");
  }
  if (stage !== undefined) return { kind: "stage", stage: names(stage) };
  return image === undefined ? undefined : { kind: "image", reference: fullReference(image, `${at}: image`) };
}

/** Names of stages say nothing about the image, so none is in its history. */
function mergeStep(merged: readonly string[], { names }: Surroundings): Bare {
  const text = merged.length === 1 ? "MERGE" : `MERGE of ${merged.length} stages`;
  return { op: "merge", stages: merged.map(names), text };
}

function httpStep(http: HttpSpec, at: string, around: Surroundings): Bare {
  const { url, checksum, unpack = false, owner } = http;
  assertNoPassword(url, at);
  const destination = destinationOf(http.to, around.workdir);
  const { origin, pathname } = new URL(url);
  const source = {
    kind: "http",
    url,
    isUnpacked: unpack,
    ...(checksum !== undefined && { checksum }),
  } as const;
  return {
    ...bareCopy([source], destination),
    // A query may hold what is not for everyone who sees the image's history.
    text: `HTTP ${origin}${pathname} ${destination}`,
    ...(owner !== undefined && { owner }),
    ...(http.chmod === undefined ? {} : chmodOf(http.chmod)),
  };
}

function gitStep(git: GitSpec, at: string, around: Surroundings): Bare {
  const { url, ref, commit, subdirectory, owner } = git;
  assertNoPassword(url, at);
  if (ref !== undefined && commit !== undefined) {
    throw usageError(
      "SPEC_INVALID",
      `${at}: git: ref and commit both say which commit is meant`,
      "Keep one.",
    );
  }
  const wanted = commit ?? ref;
  const destination = destinationOf(git.to, around.workdir);
  const source = {
    ...({ kind: "git", url, keepsGitFolder: false } as const),
    ...(wanted !== undefined && { ref: wanted }),
    ...(subdirectory !== undefined && { subdirectory }),
  };
  return {
    ...bareCopy([source], destination),
    text: `GIT ${url}${wanted === undefined ? "" : `#${wanted}`} ${destination}`,
    ...(owner !== undefined && { owner }),
    ...(git.chmod === undefined ? {} : chmodOf(git.chmod)),
  };
}

/** A URL stands in the lock and in the image's history. */
function assertNoPassword(url: string, at: string): void {
  const { username = "", password = "", protocol = "" } = URL.parse(url) ?? {};
  if (password === "" && (username === "" || !protocol.startsWith("http"))) return;
  throw usageError(
    "SPEC_INVALID",
    `${at}: a URL with credentials cannot stand here: it would be seen in the lock and in the image`,
    "Fetch it with run and a secret mount.",
  );
}

function runStep(run: RunItem, at: string, around: Surroundings): Bare {
  const it: RunObject = typeof run === "string" || Array.isArray(run) ? { command: run } : (run as RunObject);
  const { command, shell = DEFAULT_SHELL, network = "default", security = "sandbox", user } = it;
  if (typeof command !== "string" && it.shell !== undefined) {
    throw usageError(
      "SPEC_INVALID",
      `${at}: run: a list of words goes to no shell`,
      "Leave the shell out, or write the command as a text.",
    );
  }
  const argv = typeof command === "string" ? [...shell, command] : command;
  const cwd = it.workdir === undefined ? around.workdir : joinPath("/", inFolder(it.workdir, around.workdir));
  const mounts: DefinedMount[] = [];
  for (const mount of it.mounts ?? []) {
    const agents = mounts.filter(({ type }) => type === "ssh").length;
    mounts.push(mountOf(mount, `${at}: run: mount`, cwd, agents, around));
  }
  const agent = mounts.find((mount) => mount.type === "ssh");
  const env = envOf(it.env ?? {}, `${at}: run`);
  const isNamed = agent === undefined || env.some(([name]) => name === "SSH_AUTH_SOCK");
  return {
    op: "run",
    text: `RUN ${argv.join(" ")}`,
    ...{ argv, cwd, network, security, mounts, scripts: [] },
    env: isNamed ? env : [...env, ["SSH_AUTH_SOCK", agent.target]],
    user: user === undefined ? "" : String(user),
  };
}

function inFolder(path: string, folder: string): string {
  return path.startsWith("/") ? cleanPath(path) : joinPath("/", folder, path);
}

/** As `RUN --mount` of a Dockerfile has it. */
function mountOf(
  mount: MountSpec,
  at: string,
  cwd: string,
  agents: number,
  around: Surroundings,
): DefinedMount {
  assertFits(mount, at);
  const { type, mode, uid = 0, gid = 0, required: isRequired = false } = mount;
  const bits = mode === undefined ? undefined : modeOf(mode);
  if (type === "secret") {
    if (mount.id === undefined)
      throw usageError("SPEC_INVALID", `${at}: a secret without an id`, "Write id: NAME.");
    const { id, env } = mount;
    const usual = env === undefined ? `${SECRET_FOLDER}/${cleanPath(id).split("/").at(-1)}` : undefined;
    const written = mount.target ?? usual;
    return {
      ...{ type, id, mode: bits ?? 0o400, uid, gid, isRequired },
      ...(written !== undefined && { target: inFolder(written, cwd) }),
      ...(env !== undefined && { env }),
    };
  }
  if (type === "ssh") {
    const target = inFolder(mount.target ?? `${AGENT_SOCKET}.${agents}`, cwd);
    return { type, id: mount.id ?? "default", target, mode: bits ?? 0o600, uid, gid, isRequired };
  }
  const target = inFolder(mount.target ?? "", cwd);
  if (mount.target === undefined || target === "/") {
    throw usageError(
      "SPEC_INVALID",
      `${at}: a ${type} needs a target, which is not the root`,
      "Write target: /PATH.",
    );
  }
  if (type === "tmpfs") {
    const sizeBytes = mount.size === undefined ? undefined : parseByteSize(String(mount.size));
    return { type, target, ...(sizeBytes !== undefined && { sizeBytes }) };
  }
  const from = sourceOf(mount, at, around);
  const source = sourcePath(mount.source ?? "");
  if (type === "bind") {
    return { type, target, from: from ?? { kind: "context" }, source, isReadOnly: mount.writable !== true };
  }
  const seed = from ?? (mount.source === undefined ? undefined : ({ kind: "context" } as const));
  return {
    ...{ type, target, id: mount.id ?? cleanPath(mount.target), isReadOnly: mount.readonly === true },
    ...(mount.sharing !== undefined && { sharing: mount.sharing }),
    ...(seed !== undefined && { from: seed, source }),
    ...(bits !== undefined && { mode: bits }),
    ...(mount.uid !== undefined && { uid: mount.uid }),
    ...(mount.gid !== undefined && { gid: mount.gid }),
  };
}

function assertFits({ type, ...rest }: MountSpec, at: string): void {
  const known: readonly string[] = MOUNT_KEYS[type];
  const odd = Object.keys(rest).find((key) => !known.includes(key));
  if (odd === undefined) return;
  throw usageError(
    "SPEC_INVALID",
    `${at}: a mount of type ${type} has no ${odd}`,
    `It has ${known.join(", ")}.`,
  );
}
