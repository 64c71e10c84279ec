import { usageError } from "../../errors.ts";
import { AGENT_SOCKET, DEFAULT_SHELL, SECRET_FOLDER } from "../../graph/mount-places.ts";
import { cleanPath, joinPath, sourcePath } from "../../graph/paths.ts";
import type { RunStep, StepMount } from "../../graph/stages.ts";
import { heredocText, parseHeredocMark } from "./heredocs.ts";
import type { InstructionHead, RunInstruction, Text } from "./instructions.ts";
import { type MountFlag, mountFrom, readMount } from "./mounts.ts";
import type { StageState } from "./stage-state.ts";
import type { Surroundings } from "./surroundings.ts";

/** Where scripts of heredocs are while they run. */
const SCRIPT_FOLDER = "/dev/pipes";

/** An argv that hands `text` to the stage's shell. */
export function inShell(state: StageState, text: string): readonly string[] {
  const shell = state.shell ?? [];
  return [...(shell.length === 0 ? DEFAULT_SHELL : shell), text];
}

export function applyRun(
  state: StageState,
  instruction: RunInstruction & InstructionHead,
  around: Surroundings,
  put: (text: Text) => string,
): void {
  const { argv, scripts } = commandOf(state, instruction);
  if (argv.length === 0) {
    throw usageError("DOCKERFILE_SYNTAX", `${instruction.where}: RUN: the array has no command`);
  }
  const mounts: StepMount[] = [];
  for (const text of instruction.mounts) {
    const sockets = mounts.filter(({ type }) => type === "ssh").length;
    const flag = readMount(text, (value) => put({ text: value, where: text.where }));
    mounts.push(mountOf(flag, mountFrom(text), text.where, state, around, sockets));
  }
  state.steps.push({
    op: "run",
    line: instruction.line,
    text: historyOf(state, argv),
    argv,
    env: environmentOf(state, mounts),
    cwd: state.folder,
    user: state.user,
    network: instruction.network,
    security: instruction.security,
    mounts,
    scripts,
  });
}

/** As `docker history` shows it: how many ARGs there are, these, and the argv. */
function historyOf(state: StageState, argv: readonly string[]): string {
  const args = [...state.args].map(([name, value]) => `${name}=${state.variables.get(name) ?? value}`);
  const count = args.length === 0 ? [] : [`|${args.length}`];
  return `RUN ${[...count, ...args, ...argv].join(" ")} # buildkit`;
}

function environmentOf(state: StageState, mounts: readonly StepMount[]): RunStep["env"] {
  const socket = mounts.find((mount) => mount.type === "ssh");
  const isNamed = socket === undefined || state.variables.has("SSH_AUTH_SOCK");
  return [...state.variables, ...(isNamed ? [] : [["SSH_AUTH_SOCK", socket.target] as const])];
}

/**
 * The argv with the heredocs put in: one alone is the script itself, a file if it begins with `#!`; any other goes to
 * the shell as it stands, which knows heredocs too.
 */
function commandOf(
  state: StageState,
  { command, heredocs }: RunInstruction,
): Pick<RunStep, "argv" | "scripts"> {
  if (command.kind === "exec") return { argv: command.argv, scripts: [] };
  const [first] = heredocs;
  if (first === undefined) return { argv: inShell(state, command.text), scripts: [] };
  const mark = parseHeredocMark(command.text);
  if (mark === undefined || "problem" in mark) {
    const bodies = heredocs.map(({ body, name }) => `\n${body}${name}`);
    return { argv: inShell(state, command.text + bodies.join("")), scripts: [] };
  }
  const content = heredocText(first);
  if (!content.startsWith("#!")) return { argv: inShell(state, content), scripts: [] };
  const path = joinPath(SCRIPT_FOLDER, first.name);
  return { argv: inShell(state, path), scripts: [{ path, content }] };
}

function mountOf(
  flag: MountFlag,
  from: string | undefined,
  where: string,
  state: StageState,
  around: Surroundings,
  sockets: number,
): StepMount {
  const { mode, uid = 0, gid = 0 } = flag;
  const isRequired = flag.isRequired === true;
  if (flag.type === "secret") return secretOf(flag, state);
  if (flag.type === "ssh") {
    const target = isGiven(flag.target) ? atFolder(state, flag.target) : `${AGENT_SOCKET}.${sockets}`;
    return { type: "ssh", id: flag.id || "default", target, mode: mode ?? 0o600, uid, gid, isRequired };
  }
  const target = targetOf(flag, state, where);
  if (flag.type === "tmpfs") {
    return { type: "tmpfs", target, ...(flag.sizeBytes !== undefined && { sizeBytes: flag.sizeBytes }) };
  }
  const source = sourcePath(flag.source ?? "");
  if (flag.type === "bind") {
    const files = from === undefined ? ({ kind: "context" } as const) : around.mountSource(from);
    return { type: "bind", target, from: files, source, isReadOnly: flag.isReadOnly ?? true };
  }
  const files = from === undefined ? undefined : around.mountSource(from);
  return {
    type: "cache",
    target,
    id: flag.id || cleanPath(flag.target ?? ""),
    ...(flag.sharing !== undefined && { sharing: flag.sharing }),
    ...(files !== undefined && files.kind !== "scratch" && { from: files, source }),
    isReadOnly: flag.isReadOnly ?? false,
    ...(mode !== undefined && { mode }),
    ...(flag.uid !== undefined && { uid: flag.uid }),
    ...(flag.gid !== undefined && { gid: flag.gid }),
  };
}

function secretOf(flag: MountFlag, state: StageState): StepMount {
  const { target: written, env, mode = 0o400, uid = 0, gid = 0 } = flag;
  const lastOf = (path: string) => cleanPath(path).split("/").at(-1)!;
  const id = flag.source || flag.id || lastOf(written ?? "");
  const target = isGiven(written)
    ? written
    : env === undefined
      ? `${SECRET_FOLDER}/${lastOf(id)}`
      : undefined;
  return {
    type: "secret",
    id,
    ...(target !== undefined && { target: atFolder(state, target) }),
    // A variable without a name is called as the secret.
    ...(env !== undefined && { env: env === "" ? id : env }),
    mode,
    uid,
    gid,
    isRequired: flag.isRequired === true,
  };
}

function targetOf(flag: MountFlag, state: StageState, where: string): string {
  const target = atFolder(state, flag.target ?? "");
  if (target !== "/") return target;
  throw usageError(
    "DOCKERFILE_FLAG",
    `${where}: --mount: the target cannot be the root: ${JSON.stringify(flag.target ?? "")}`,
    "Write target=/PATH.",
  );
}

function atFolder(state: StageState, path: string): string {
  return path.startsWith("/") ? cleanPath(path) : joinPath("/", state.folder, path);
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}
