import { type ChildProcess, execFile, spawn } from "node:child_process";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { environmentError, messageOf } from "../../errors.ts";
import type { IdMapping, IdMappings } from "./runtime-spec.ts";

/** Where the parts of the host's system are that the engine works with: absolute paths. */
export type Programs = Readonly<
  Record<"du" | "mount" | "rm" | "setpriv" | "sh" | "tar" | "unshare", string> &
    Partial<Record<"find" | "newgidmap" | "newuidmap" | "fuse-overlayfs", string>>
>;

export type LaunchSettings = {
  readonly programs: Programs;
  /** Absent for root: ids of the user namespace that programs run in as its root. */
  readonly mappings?: IdMappings;
};

/**
 * A program that the kernel kills when our process ends, however it ends. `status` and `commands` are its file
 * descriptors 3 (to us, line by line) and 4 (from us).
 */
export type Launched = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly status: AsyncIterator<string>;
  readonly commands: Writable;
  /** After its output has ended; the signal's number plus 128 when one ended it. */
  readonly exitCode: Promise<number>;
};

/**
 * Arguments: our process id, and what to run. The parent is looked at after the kernel was told to send a signal at its
 * death: it may have died just before.
 */
const ALIVE = '[ "$PPID" = "$1" ] || exit 125; shift; exec "$@"';
/**
 * In a new user namespace: waits until its ids are mapped. A program that is started after that has the capabilities of
 * root, and the kernel forgets the signal at the parent's death when they come, so it is asked for after.
 */
const MAPPED = 'echo unmapped >&3 && read -r go <&4 && exec "$@"';

const run = promisify(execFile);

/** Where a program that has our terminal finds it: our stdin, and our stderr, since stdout is for data. */
export const TERMINAL_FDS = { input: 5, output: 6 } as const;

/**
 * Call it in the main thread: the kernel's signal comes at the end of the thread that started the program.
 * @throws CambiumError `ENGINE_START`, `ENGINE_USER_NAMESPACE`.
 */
export async function launch(
  settings: LaunchSettings,
  argv: readonly string[],
  options: { readonly cwd?: string; readonly hasTerminal?: boolean } = {},
): Promise<Launched> {
  const { programs, mappings } = settings;
  const mortal = [programs.setpriv, "--pdeathsig", "KILL", programs.sh, "-c", ALIVE, "sh"];
  const command = [...mortal, String(process.pid), ...argv];
  const entered =
    mappings === undefined
      ? command
      : [programs.unshare, "--user", programs.sh, "-c", MAPPED, "sh", ...command];
  const child = spawn(entered[0]!, entered.slice(1), {
    cwd: options.cwd ?? "/",
    // One language for messages, names as bytes; `mount` must not pass options in pieces of 256 bytes.
    env: { PATH: searchPathOf(programs), LC_ALL: "C", LIBMOUNT_FORCE_MOUNT2: "always" },
    stdio: ["pipe", "pipe", "pipe", "pipe", "pipe", ...(options.hasTerminal === true ? [0, 2] : [])],
    // Ctrl-C reaches it through us alone.
    detached: true,
  });
  const launched = await started(child, entered[0]!);
  if (mappings !== undefined) await mapIds(launched, programs, mappings);
  return launched;
}

/** The next line of a launched program's status; undefined when it has ended. */
export async function nextStatus(launched: Launched): Promise<string | undefined> {
  const { done, value } = await launched.status.next();
  return done === true ? undefined : value;
}

function started(child: ChildProcess, program: string): Promise<Launched> {
  const { promise, resolve, reject } = Promise.withResolvers<Launched>();
  const ended = Promise.withResolvers<number>();
  child.once("error", (error) =>
    reject(
      environmentError("ENGINE_START", `cannot start ${program}: ${messageOf(error)}`, undefined, error),
    ),
  );
  child.once("close", (code, signal) =>
    ended.resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
  );
  child.once("spawn", () => {
    const [stdin, stdout, stderr, status, commands] = child.stdio;
    // A program that ends early breaks the pipe; its exit code says more.
    for (const pipe of [stdin, commands]) (pipe as Writable).on("error", () => undefined);
    resolve({
      child,
      pid: child.pid!,
      stdin: stdin as Writable,
      stdout: stdout as Readable,
      stderr: stderr as Readable,
      status: createInterface({ input: status as Readable })[Symbol.asyncIterator](),
      commands: commands as unknown as Writable,
      exitCode: ended.promise,
    });
  });
  return promise;
}

async function mapIds(launched: Launched, programs: Programs, { uids, gids }: IdMappings): Promise<void> {
  try {
    const line = await nextStatus(launched);
    if (line === undefined) throw new Error(`unshare ended with ${await launched.exitCode}`);
    await run(programs.newuidmap!, [String(launched.pid), ...uids.flatMap(numbers)]);
    await run(programs.newgidmap!, [String(launched.pid), ...gids.flatMap(numbers)]);
    launched.commands.write("go\n");
  } catch (error) {
    launched.child.kill("SIGKILL");
    throw environmentError(
      "ENGINE_USER_NAMESPACE",
      `cannot make a user namespace: ${messageOf(error)}`,
      "The kernel must allow user namespaces to plain users, and /etc/subuid and /etc/subgid lend ids; or build as root.",
      error,
    );
  }
}

function numbers({ containerID, hostID, size }: IdMapping): string[] {
  return [String(containerID), String(hostID), String(size)];
}

/** The folders of the programs themselves: helpers that they start stand beside them. */
function searchPathOf(programs: Programs): string {
  const folders = Object.values(programs).map((path) => path.slice(0, path.lastIndexOf("/")) || "/");
  return [...new Set(folders)].join(":");
}
