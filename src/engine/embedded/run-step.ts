import { chmodSync, copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { CambiumError } from "../../errors.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { type TarMember, writeTar } from "../../layer/write-tar.ts";
import { type ProcessUser, resolveUser } from "./accounts.ts";
import type { EngineHost } from "./check.ts";
import { hostFile } from "./host-account.ts";
import {
  type FileView,
  folderView,
  ifOpen,
  layeredView,
  missingInside,
  removeIfEmpty,
  resolveInside,
  textInside,
} from "./inside.ts";
import { lendBundle, takeBackBundle } from "./lent-bundle.ts";
import { type AptSources, lendSources } from "./lent-sources.ts";
import { LineSplitter } from "./lines.ts";
import { type ExtraHost, hostsText } from "./network-files.ts";
import { overlayMount } from "./overlay.ts";
import type { RunFolder } from "./run-folders.ts";
import { runtimeFailures } from "./runtime-log.ts";
import { type BindMount, capabilityNames, runtimeSpec, type Ulimit } from "./runtime-spec.ts";
import { endOfStep, inSandbox, openSandbox, type Sandbox } from "./sandbox.ts";
import { seccompProfile } from "./seccomp.ts";
import { type EngineMount, type PreparedMount, prepareMount, type ViewMount } from "./step-mounts.ts";
import { followTerminal, terminalSize } from "./terminal.ts";
import { OPAQUE_NAMES } from "./upper-members.ts";

/** One RUN. Paths in the image are absolute. */
export type StepRequest = {
  /** Folders of layers as `treeOf` gives them, bottom up; none is an empty root. */
  readonly trees: readonly string[];
  readonly argv: readonly string[];
  /** `NAME=value`, in order; HOME is added if it is not there. */
  readonly env: readonly string[];
  /** Made, for the step's user, if nothing is there. */
  readonly cwd: string;
  /** `user[:group]`, names as in the image; empty is root. */
  readonly user: string;
  readonly network: "host" | "none";
  readonly security: "sandbox" | "insecure";
  readonly mounts: readonly EngineMount[];
  readonly extraHosts?: readonly ExtraHost[];
  readonly ulimits?: readonly Ulimit[];
  readonly shmBytes?: number;
  /** PEM of the host's certificates, lent where the image has its own in one file; it enters no layer. */
  readonly caBundle?: Uint8Array;
  /** Mounted where the image has apt and no sources, and the step a network; they enter no layer. */
  readonly aptSources?: AptSources;
  /** Runs on our terminal: stdin and stderr are one. No line is told then. */
  readonly hasTerminal?: boolean;
};

/** A line of output, without its end. Lines of more than 16 KiB come in pieces. */
export type OnLine = (line: string, stream: "stdout" | "stderr") => void;

export type StepEnd = {
  /** 128 + n after signal n. */
  readonly exitCode: number;
  /** The end of both streams' output, at most 40 lines. */
  readonly lastLines: readonly string[];
};

const LAST_LINES = 40;
/** Room for the runtime's files and all secrets of a step. */
const PRIVATE_BYTES = 64 << 20;
const ROOT = "m";
const PRIVATE = "p";

/**
 * Runs a step above `request.trees` with its changes going into the run folder's `u`. The step and all that it left
 * behind is dead when this returns, and nothing is mounted.
 * @throws CambiumError `USER_UNKNOWN`, `STEP_START` when the runtime could not start it, `STEP_CWD`, `MOUNT_SOURCE`,
 *   `ENGINE_…`; the signal's reason.
 */
export async function runStep(
  host: EngineHost,
  folder: RunFolder,
  request: StepRequest,
  onLine: OnLine,
  signal: AbortSignal | undefined,
): Promise<StepEnd> {
  signal?.throwIfAborted();
  for (const name of ["u", "w", ROOT, PRIVATE]) mkdirSync(join(folder.path, name));
  // The root directory of the image, whatever our umask.
  chmodSync(join(folder.path, "u"), 0o755);
  const place = {
    run: folder.path,
    near: folder.near,
    overlay: host.overlay,
    isVolatile: host.isVolatile,
    isRootless: host.mappings !== undefined,
    emptyTree: host.emptyTree,
  };
  const wanted = sorted([...request.mounts, ...sourcesFor(folder, request)]);
  const mounts = wanted.map((mount, index) => prepareMount(mount, index, place));
  for (const { folders, copy } of mounts) {
    for (const name of folders) mkdirSync(join(folder.path, name));
    if (copy !== undefined) copyFileSync(copy.from, join(folder.path, copy.to));
  }
  const near = (name: string) => `${folder.near}/${name}`;
  const upper = join(folder.path, "u");
  const lent = lendTo(host, folder, request);
  const lowers = [...(request.trees.length === 0 ? [host.emptyTree] : request.trees), ...lent.trees];
  const bundle = join(folder.path, PRIVATE);
  const sandbox = await openSandbox(host, {
    folder: folder.trees,
    mounts: [
      { type: "tmpfs", options: `mode=0700,size=${PRIVATE_BYTES}`, source: "tmpfs", target: near(PRIVATE) },
      overlayMount(host.overlay, lowers, { upper: near("u"), work: near("w") }, near(ROOT), host.isVolatile),
      ...mounts.flatMap(({ commands }) => commands),
    ],
    unpackInto: near("."),
    command: [...runtimeCommand(host, bundle), folder.id],
    hasTerminal: request.hasTerminal === true,
  });
  const unfollow = request.hasTerminal === true ? followTerminal(sandbox.launched) : () => undefined;
  try {
    return await inSandbox(sandbox, signal, async () => {
      const end = await runInside(host, folder, request, mounts, sandbox, onLine);
      signal?.throwIfAborted();
      takeBackBundle(upper, lent.paths, request.caBundle ?? new Uint8Array());
      return end;
    });
  } finally {
    unfollow();
  }
}

/** A mount of the step's own goes before what is lent. */
function sourcesFor(
  folder: RunFolder,
  { aptSources, mounts, network, trees }: StepRequest,
): readonly EngineMount[] {
  if (aptSources === undefined || network === "none") return [];
  const folders = trees.map((name) => join(folder.trees, name));
  const targets = mounts.map(({ target }) => target);
  return ifOpen(() => lendSources(layeredView(folders), folders, aptSources), []).filter(
    ({ target }) => !targets.some((own) => `${target}/`.startsWith(`${own}/`)),
  );
}

/** A layer for this step alone, with what the host lends. */
function lendTo(
  host: EngineHost,
  folder: RunFolder,
  { caBundle, trees }: StepRequest,
): { readonly trees: readonly string[]; readonly paths: readonly string[] } {
  if (caBundle === undefined) return { trees: [], paths: [] };
  const path = join(folder.path, "l");
  mkdirSync(path);
  chmodSync(path, 0o755);
  const view = layeredView(trees.map((name) => join(folder.trees, name)));
  const rootUid = host.mappings === undefined ? 0 : (process.geteuid?.() ?? 0);
  const paths = ifOpen(() => lendBundle(view, caBundle, path, rootUid), []);
  return { trees: paths.length === 0 ? [] : [`${folder.near}/l`], paths };
}

async function runInside(
  host: EngineHost,
  folder: RunFolder,
  request: StepRequest,
  mounts: readonly PreparedMount[],
  { launched, outside }: Sandbox,
  onLine: OnLine,
): Promise<StepEnd> {
  // Nobody outside its user namespace sees into a file system of FUSE.
  const view: ViewMount =
    host.overlay === "fuse"
      ? (_, trees) => layeredView(trees.map((name) => join(folder.trees, name)))
      : (path) => folderView(outside(path));
  const root = view(join(folder.path, ROOT), request.trees);
  const user = userOf(root, request.user);
  const spec = specOf(host, folder, request, mounts, user, view);
  const targets = spec.mounts.map(({ destination }) => destination);
  const missing = (path: string) => ifOpen(() => missingInside(root, path), []);
  const made = missing(request.cwd);
  const isMounted = targets.some((target) => `${request.cwd}/`.startsWith(`${target}/`));
  const cwdFolders = isMounted ? [] : made;
  // What is mounted there cannot be seen from here.
  if (!isMounted) assertDirectory(root, request.cwd, cwdFolders);
  const kept = new Set(cwdFolders);
  const stubs = [...new Set(targets.flatMap(missing))];
  const members = [
    ...cwdFolders.map((path) => directoryMember(`${ROOT}${path}`, user)),
    ...mounts.flatMap(({ members }) => members),
    textMember(`${PRIVATE}/config.json`, JSON.stringify(spec)),
    textMember(`${PRIVATE}/hosts`, hostsText(request.extraHosts ?? [])),
    textMember(`${PRIVATE}/resolv.conf`, request.network === "host" ? hostFile("/etc/resolv.conf") : ""),
  ];
  const lastLines: string[] = [];
  const note = (line: string, stream: "stdout" | "stderr") => {
    if (lastLines.push(line) > LAST_LINES) lastLines.shift();
    onLine(line, stream);
  };
  const outputs = [
    readLines(launched.stdout, (line) => note(line, "stdout")),
    readLines(launched.stderr, (line) => note(line, "stderr")),
  ];
  const reading = Promise.all(outputs);
  // It is awaited at the end; a reporter that throws must not be an unhandled rejection until then.
  reading.catch(() => undefined);
  launched.commands.write("go\n");
  // A sandbox that ended early breaks the pipe; `endOfStep` says so.
  await pipeline(writeTar(members), launched.stdin).catch(() => undefined);
  const exitCode = await endOfStep(launched);
  // The runtime's notes are gone with the sandbox.
  const failures = runtimeFailures(hostFile(outside(join(folder.path, PRIVATE, "log.json"))));
  launched.commands.end("done\n");
  await Promise.all([reading, launched.exitCode]);
  const marks = host.overlay === "fuse" ? OPAQUE_NAMES : [];
  for (const stub of stubs.reverse()) if (!kept.has(stub)) removeIfEmpty(join(folder.path, "u"), stub, marks);
  if (exitCode !== 0 && failures.length > 0) {
    throw new CambiumError(
      "STEP_START",
      `${host.runtime.kind} could not start the step (${exitCode}): ${failures.join("; ")}`,
      { hint: startHint(request.argv, failures) },
    );
  }
  return { exitCode, lastLines };
}

/** A text needs a shell, which people do not see in what they wrote. */
function startHint([program = ""]: readonly string[], failures: readonly string[]): string {
  const isAbsent = failures.some((failure) => failure.includes("no such file or directory"));
  return isAbsent && /(^|\/)(ba|da)?sh$/.test(program)
    ? `The image has no ${program}: write the command as a list of words, which needs no shell, or take a base that has one.`
    : "Check that the image has the command, for this platform.";
}

function specOf(
  host: EngineHost,
  folder: RunFolder,
  request: StepRequest,
  mounts: readonly PreparedMount[],
  user: ProcessUser,
  view: ViewMount,
) {
  const isRootless = host.mappings !== undefined;
  const size = request.hasTerminal === true ? terminalSize() : undefined;
  const file = (name: string, target: string): BindMount => ({
    source: join(folder.path, PRIVATE, name),
    target,
    isReadOnly: true,
  });
  const hasHome = request.env.some((line) => line.startsWith("HOME="));
  const seccomp = seccompProfile(host.architecture);
  return runtimeSpec({
    rootfsDir: join(folder.path, ROOT),
    args: request.argv,
    env: hasHome ? request.env : [...request.env, `HOME=${user.home}`],
    cwd: request.cwd,
    user,
    hasTerminal: request.hasTerminal === true,
    ...(size !== undefined && { terminalSize: size }),
    hasCgroup: host.hasCgroup,
    network: request.network,
    isInUserNamespace: isRootless,
    privileges: request.security === "insecure" ? "all" : "gained",
    ownCapabilities: capabilityNames(capabilitySet(isRootless)),
    ...(seccomp === undefined ? {} : { seccomp }),
    mounts: [
      file("hosts", "/etc/hosts"),
      file("resolv.conf", "/etc/resolv.conf"),
      ...mounts.map(({ mount }) => mount(view)),
    ],
    ...(request.ulimits === undefined ? {} : { ulimits: request.ulimits }),
    ...(request.shmBytes === undefined ? {} : { shmBytes: request.shmBytes }),
    ...(host.hasCgroup && !isRootless ? { cgroupsPath: `/${folder.cgroup}` } : {}),
  });
}

/** In a user namespace its root has what there is; on the host, root may have been given less. */
function capabilitySet(isRootless: boolean): string {
  const status = readFileSync("/proc/self/status", "latin1");
  const name = isRootless ? "CapBnd" : "CapEff";
  return new RegExp(`^${name}:\\s*([0-9a-f]+)`, "m").exec(status)?.[1] ?? "0";
}

function runtimeCommand({ runtime, hasCgroup }: EngineHost, bundle: string): string[] {
  const log = ["--log", join(bundle, "log.json"), "--log-format", "json"];
  const cgroups = hasCgroup ? [] : ["--cgroup-manager=disabled"];
  return [runtime.path, "--root", join(bundle, "state"), ...log, ...cgroups, "run", "--bundle", bundle];
}

function userOf(root: FileView, text: string): ProcessUser {
  const passwd = textInside(root, "/etc/passwd");
  return resolveUser(text, { passwd, group: textInside(root, "/etc/group") });
}

function assertDirectory(root: FileView, cwd: string, made: readonly string[]): void {
  if (made.length > 0 || ifOpen(() => resolveInside(root, cwd), cwd) !== undefined) return;
  throw new CambiumError("STEP_CWD", `the working directory ${JSON.stringify(cwd)} leads nowhere`, {
    hint: "A link in its path points at something that is not in the image.",
  });
}

/** Parents first, so that none covers what was mounted below it. */
function sorted(mounts: readonly EngineMount[]): EngineMount[] {
  return [...mounts].sort((a, b) => (a.target < b.target ? -1 : a.target > b.target ? 1 : 0));
}

async function readLines(stream: AsyncIterable<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const splitter = new LineSplitter(onLine);
  for await (const chunk of stream) splitter.push(chunk);
  splitter.finish();
}

function directoryMember(path: string, { uid, gid }: ProcessUser): TarMember {
  return {
    entry: { type: "directory", path, mode: 0o755, uid, gid },
    mtimeSec: Math.floor(Date.now() / 1000),
  };
}

function textMember(path: string, text: string): TarMember {
  const content = Buffer.from(text);
  const entry = { type: "file", path, mode: 0o644, uid: 0, gid: 0, size: content.length } as const;
  // The same on every machine, as far as a step can see it.
  return { entry, mtimeSec: CONSTANT_MTIME, content: [content] };
}
